// load drives an OAuth token service over keep-alive connections, in a closed loop or at a steady
// pace (-rate), and prints one line of JSON: rates, percentiles, CPU per operation. A wrong answer ends the run with exit code 1.
//
// Modes: get (a page that holds -expect), client-credentials, refresh (chains from -seeds; each
// operation uses the successor that the one before got), introspect (a form) and validate (JSON) of
// the tokens in -seeds, batch (JSON, 100 of them), sign-in (-body; collects tokens; after a 503 once more in a second), code (whole flows from -authorize to the
// tokens, by the cookies in -seeds). The secrets come in as a file: an argument
// list is public.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type config struct {
	mode, url, id, secret, body, expect string
	seeds, save, saveAccess             string
	authorize, redirect                 string
	conns, operations, warm, each       int
	people                              int
	serverPID, databasePID              int
	maxSeconds, rate, lose              float64
}

type result struct {
	OK          int     `json:"ok"`
	Repeated    int     `json:"repeated"`
	Seconds     float64 `json:"seconds"`
	Rate        float64 `json:"rate"`
	P50         float64 `json:"p50_ms"`
	P95         float64 `json:"p95_ms"`
	P99         float64 `json:"p99_ms"`
	Max         float64 `json:"max_ms"`
	ServerCPU   float64 `json:"cpu_server_ms"`
	DatabaseCPU float64 `json:"cpu_database_ms"`
	SelfCPU     float64 `json:"cpu_generator_ms"`
	OtherCores  float64 `json:"other_cores"`
}

func main() {
	// More than one would wake each other, on the processors of the server and at its expense.
	runtime.GOMAXPROCS(1)
	c := parse()
	t := &tokens{seeds: lines(c.seeds)}
	t.newest = newest(c.saveAccess, len(t.seeds))
	if c.seeds != "" && len(t.seeds) < c.conns {
		fail("%d seeds for %d connections", len(t.seeds), c.conns)
	}
	workers := newWorkers(c)
	if c.warm > 0 {
		run(c, workers, t, c.warm)
		t.refresh, t.access = nil, nil
		for _, w := range workers {
			w.repeated = 0
		}
	}
	before := measure(c)
	latencies, seconds := run(c, workers, t, c.operations)
	found := summary(latencies, seconds, measure(c).since(before))
	for _, w := range workers {
		found.Repeated += w.repeated
	}
	_ = json.NewEncoder(os.Stdout).Encode(found)
	if c.mode == "refresh" {
		t.refresh, t.access = t.seeds, t.newest
	}
	write(c.save, t.refresh)
	write(c.saveAccess, t.access)
}

// run lets all workers operate until the operations are done or the time is up.
func run(c config, workers []*worker, t *tokens, operations int) ([]float64, float64) {
	var taken atomic.Int64
	var group sync.WaitGroup
	latencies := make([][]float64, len(workers))
	start := time.Now()
	deadline := start.Add(time.Duration(c.maxSeconds * float64(time.Second)))
	for i, w := range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			for time.Now().Before(deadline) {
				if c.each > 0 && w.step >= c.each*w.chains(t) {
					return
				}
				turn := taken.Add(1)
				if c.each == 0 && turn > int64(operations) {
					return
				}
				began := time.Now()
				if c.rate > 0 {
					// Late is late: who waits for a free connection waits on the server's account.
					began = start.Add(time.Duration(float64(turn) / c.rate * float64(time.Second)))
					time.Sleep(time.Until(began))
				}
				if err := w.operate(t); err != nil {
					fail("%s %s: a wrong answer: %v", c.mode, c.url, err)
				}
				w.step++
				latencies[i] = append(latencies[i], time.Since(began).Seconds()*1e3)
			}
		}()
	}
	group.Wait()
	seconds := time.Since(start).Seconds()
	var all []float64
	for _, some := range latencies {
		all = append(all, some...)
	}
	sort.Float64s(all)
	return all, seconds
}

func summary(latencies []float64, seconds float64, used usage) result {
	n := len(latencies)
	if n == 0 {
		fail("nothing was done in the time")
	}
	at := func(quantile float64) float64 {
		return rounded(latencies[max(0, int(math.Ceil(quantile*float64(n)))-1)])
	}
	per := func(ms float64) float64 { return rounded(ms / float64(n)) }
	return result{
		OK: n, Seconds: rounded(seconds), Rate: rounded(float64(n) / seconds),
		P50: at(.5), P95: at(.95), P99: at(.99), Max: at(1),
		ServerCPU: per(used.server), DatabaseCPU: per(used.database), SelfCPU: per(used.self),
		OtherCores: rounded(used.other() / (seconds * 1e3)),
	}
}

func parse() config {
	var c config
	var secret string
	flag.StringVar(&c.mode, "mode", "get", "get|client-credentials|refresh|introspect|validate|batch|sign-in|code")
	flag.StringVar(&c.url, "url", "", "where to")
	flag.StringVar(&c.id, "id", "", "client id; with it, each request carries Basic credentials")
	flag.StringVar(&secret, "secret", "", "file with the client's secret")
	flag.StringVar(&c.body, "body", "", "sign-in: file with the JSON to send")
	flag.IntVar(&c.people, "people", 1, "sign-in: {person} in the body is a number below this, at random")
	flag.StringVar(&c.expect, "expect", "", "get: what the page must hold")
	flag.StringVar(&c.seeds, "seeds", "", "file with one token a line")
	flag.StringVar(&c.authorize, "authorize", "", "code: the authorization request, as a URL without client, challenge and nonce")
	flag.StringVar(&c.redirect, "redirect", "", "code: its redirect URI")
	flag.StringVar(&c.save, "save", "", "file for the refresh tokens at the end")
	flag.StringVar(&c.saveAccess, "save-access", "", "sign-in, refresh: file for the access tokens at the end")
	flag.IntVar(&c.conns, "c", 16, "connections, each with one operation at a time")
	flag.IntVar(&c.operations, "n", math.MaxInt32, "operations to measure")
	flag.IntVar(&c.each, "each", 0, "instead of -n: operations per seed, exactly")
	flag.IntVar(&c.warm, "warm", 0, "operations before the clock starts")
	flag.Float64Var(&c.maxSeconds, "max-seconds", 60, "stop after this long")
	flag.Float64Var(&c.rate, "rate", 0, "operations a second, evenly; 0: as many as can be")
	flag.Float64Var(&c.lose, "lose", 0, "refresh: the part of the answers that are lost, and asked for again")
	flag.IntVar(&c.serverPID, "server", 0, "process whose tree is the server, for CPU per operation")
	flag.IntVar(&c.databasePID, "database", 0, "the same for the database")
	flag.Parse()
	c.secret = strings.TrimSpace(content(secret))
	c.body = content(c.body)
	return c
}

func content(path string) string {
	if path == "" {
		return ""
	}
	text, err := os.ReadFile(path)
	if err != nil {
		fail("%v", err)
	}
	return string(text)
}

func lines(path string) []string { return strings.Fields(content(path)) }

// newest are the access tokens that an earlier run left, for chains that this one does not reach.
func newest(path string, number int) []string {
	text, _ := os.ReadFile(path)
	if found := strings.Fields(string(text)); len(found) == number {
		return found
	}
	return make([]string, number)
}

func write(path string, all []string) {
	if path == "" {
		return
	}
	// A chain that was never refreshed has no access token; nothing stands for it.
	text := strings.Join(strings.Fields(strings.Join(all, "\n")), "\n") + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		fail("%v", err)
	}
}

func rounded(value float64) float64 { return math.Round(value*1e3) / 1e3 }

func fail(format string, values ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", values...)
	os.Exit(1)
}
