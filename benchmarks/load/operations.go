package main

// What one operation sends, and what its answer must hold to count.

import (
	"bytes"
	secure "crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const formType = "application/x-www-form-urlencoded"

// batchSize is the most tokens that one request may hold.
const batchSize = 100

var errBusy = errors.New("status 503")

type answer struct {
	AccessToken  string   `json:"access_token"`
	RefreshToken string   `json:"refresh_token"`
	IDToken      string   `json:"id_token"`
	Active       bool     `json:"active"`
	Items        []answer `json:"items"`
}

// worker is one connection's closed loop; it owns its chains and its steps.
type worker struct {
	c      config
	line   *line
	number int
	step   int
	// repeated counts what was asked again: an answer was lost, or the server was busy.
	repeated int
}

// tokens are the seeds; a refresh puts the successor in place of what it used.
type tokens struct {
	mu      sync.Mutex
	seeds   []string
	newest  []string // the access token that came with each seed
	refresh []string // collected by sign-in
	access  []string
}

func newWorkers(c config) []*worker {
	workers := make([]*worker, c.conns)
	for i := range workers {
		workers[i] = &worker{c: c, line: &line{}, number: i}
	}
	return workers
}

// chains is how many of the seeds are this worker's: number, number+conns, ...
func (w *worker) chains(t *tokens) int {
	return (len(t.seeds) - w.number + w.c.conns - 1) / w.c.conns
}

func (w *worker) chain(t *tokens) int {
	return w.number + w.step%w.chains(t)*w.c.conns
}

func (w *worker) operate(t *tokens) error {
	switch w.c.mode {
	case "get":
		return w.get()
	case "client-credentials":
		a, err := w.form(url.Values{"grant_type": {"client_credentials"}})
		if err == nil && a.AccessToken == "" {
			err = fmt.Errorf("no access token")
		}
		return err
	case "refresh":
		return w.refresh(t)
	case "introspect":
		return live(w.form(url.Values{"token": {t.seeds[w.chain(t)]}}))
	case "validate":
		body, _ := json.Marshal(map[string]string{"token": t.seeds[w.chain(t)]})
		return live(w.send("POST", "application/json", string(body)))
	case "batch":
		return w.batch(t)
	case "sign-in":
		return w.signIn(t)
	case "code":
		return w.code(t.seeds[w.chain(t)])
	}
	return fmt.Errorf("no such mode: %q", w.c.mode)
}

func (w *worker) refresh(t *tokens) error {
	used := t.seeds[w.chain(t)]
	fields := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {used}}
	if rand.Float64() < w.c.lose {
		w.repeated++
		if err := w.loseAnswer(fields); err != nil {
			return err
		}
	}
	a, err := w.form(fields)
	switch {
	case err != nil:
		return err
	case a.RefreshToken == "" || a.RefreshToken == used:
		return fmt.Errorf("no new refresh token")
	case a.AccessToken == "":
		return fmt.Errorf("no access token")
	}
	t.seeds[w.chain(t)], t.newest[w.chain(t)] = a.RefreshToken, a.AccessToken
	return nil
}

func (w *worker) signIn(t *tokens) error {
	body := strings.ReplaceAll(w.c.body, "{person}", strconv.Itoa(rand.Intn(w.c.people)))
	a, err := w.send("POST", "application/json", body)
	for errors.Is(err, errBusy) {
		w.repeated++
		time.Sleep(time.Second)
		a, err = w.send("POST", "application/json", body)
	}
	if err == nil && (a.RefreshToken == "" || a.AccessToken == "") {
		err = fmt.Errorf("a token is missing")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refresh, t.access = append(t.refresh, a.RefreshToken), append(t.access, a.AccessToken)
	return err
}

// code is one whole flow of a browser that is signed in, by its cookie: the authorization endpoint
// answers with a code at once, and the application exchanges it.
func (w *worker) code(cookie string) error {
	verifier, nonce := random(), random()
	challenge := sha256.Sum256([]byte(verifier))
	asked := url.Values{
		"client_id": {w.c.id}, "nonce": {nonce}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])},
	}
	request, err := http.NewRequest("GET", w.c.authorize+"&"+asked.Encode(), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Cookie", cookie)
	response, _, err := w.line.exchange(request)
	if err != nil {
		return err
	}
	back, err := response.Location()
	if err != nil || back.Query().Get("code") == "" {
		return fmt.Errorf("status %d without a code: %v", response.StatusCode, back)
	}
	a, err := w.form(url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Query().Get("code")},
		"redirect_uri": {w.c.redirect}, "code_verifier": {verifier},
	})
	if err == nil && (a.AccessToken == "" || a.RefreshToken == "" || a.IDToken == "") {
		err = fmt.Errorf("a token is missing")
	}
	return err
}

// random is a new text that nobody guesses, as each request of an application has its own.
func random() string {
	bytes := make([]byte, 32)
	if _, err := secure.Read(bytes); err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(bytes)
}

// batch asks for as many tokens at once as one request may hold, each batch for the next ones.
func (w *worker) batch(t *tokens) error {
	if len(t.seeds) < batchSize {
		return fmt.Errorf("%d seeds for batches of %d", len(t.seeds), batchSize)
	}
	some := make([]string, batchSize)
	for i := range some {
		some[i] = t.seeds[(w.number+w.step*batchSize+i)%len(t.seeds)]
	}
	body, _ := json.Marshal(map[string][]string{"tokens": some})
	a, err := w.send("POST", "application/json", string(body))
	if err == nil && len(a.Items) != batchSize {
		err = fmt.Errorf("%d entries", len(a.Items))
	}
	for _, item := range a.Items {
		err = live(item, err)
	}
	return err
}

func live(a answer, err error) error {
	if err == nil && !a.Active {
		err = fmt.Errorf("not active")
	}
	return err
}

func (w *worker) get() error {
	text, err := w.exchange("GET", "", "")
	if err == nil && !bytes.Contains(text, []byte(w.c.expect)) {
		err = fmt.Errorf("unexpected answer: %.100s", text)
	}
	return err
}

func (w *worker) form(fields url.Values) (answer, error) {
	return w.send("POST", formType, fields.Encode())
}

func (w *worker) send(method, contentType, body string) (answer, error) {
	var a answer
	text, err := w.exchange(method, contentType, body)
	if err == nil && json.Unmarshal(text, &a) != nil {
		err = fmt.Errorf("not the JSON that was expected")
	}
	return a, err
}

func (w *worker) exchange(method, contentType, body string) ([]byte, error) {
	request, err := w.request(method, contentType, body)
	if err != nil {
		return nil, err
	}
	response, text, err := w.line.exchange(request)
	switch {
	case err == nil && response.StatusCode == http.StatusServiceUnavailable:
		err = fmt.Errorf("%w: %.200s", errBusy, text)
	case err == nil && response.StatusCode != http.StatusOK:
		err = fmt.Errorf("status %d: %.200s", response.StatusCode, text)
	}
	return text, err
}

func (w *worker) request(method, contentType, body string) (*http.Request, error) {
	request, err := http.NewRequest(method, w.c.url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if w.c.id != "" {
		// RFC 6749 section 2.3.1: both are form-urlencoded first.
		request.SetBasicAuth(url.QueryEscape(w.c.id), url.QueryEscape(w.c.secret))
	}
	return request, nil
}
