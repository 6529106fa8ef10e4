package main

// CPU time from /proc: of the server's processes, of the database's, of this generator, and of
// everything else on the machine, so that a run that others disturbed can be recognised.

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

const msPerTick = 10 // 100 Hz, as on every common Linux

// usage is CPU time in ms since some moment.
type usage struct{ server, database, self, machine float64 }

func measure(c config) usage {
	return usage{treeCPU(c.serverPID), treeCPU(c.databasePID), selfCPU(), machineCPU()}
}

func (a usage) since(b usage) usage {
	return usage{a.server - b.server, a.database - b.database, a.self - b.self, a.machine - b.machine}
}

// other is what nobody of ours used.
func (a usage) other() float64 { return a.machine - a.server - a.database - a.self }

// treeCPU sums a process and all that descend from it, those that ended included.
func treeCPU(root int) float64 {
	if root == 0 {
		return 0
	}
	parents, cpu := processes()
	total := 0.0
	for pid, ms := range cpu {
		for p, depth := pid, 0; p > 1 && depth < 40; p, depth = parents[p], depth+1 {
			if p == root {
				total += ms
				break
			}
		}
	}
	return total
}

func processes() (map[int]int, map[int]float64) {
	parents, cpu := map[int]int{}, map[int]float64{}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		text, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue // it ended meanwhile
		}
		// The second field is the name in parentheses, which may hold anything.
		end := strings.LastIndexByte(string(text), ')')
		fields := strings.Fields(string(text)[end+1:])
		if len(fields) < 15 {
			continue
		}
		parents[pid], _ = strconv.Atoi(fields[1])
		cpu[pid] = msPerTick * sum(fields[11:15]) // utime stime cutime cstime
	}
	return parents, cpu
}

func machineCPU() float64 {
	text, _ := os.ReadFile("/proc/stat")
	fields := strings.Fields(strings.SplitN(string(text), "\n", 2)[0])
	// user nice system, not idle iowait, irq softirq steal
	return msPerTick * (sum(fields[1:4]) + sum(fields[6:9]))
}

func selfCPU() float64 {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return float64(r.Utime.Sec+r.Stime.Sec)*1e3 + float64(r.Utime.Usec+r.Stime.Usec)/1e3
}

func sum(fields []string) float64 {
	total := 0.0
	for _, field := range fields {
		value, _ := strconv.ParseFloat(field, 64)
		total += value
	}
	return total
}
