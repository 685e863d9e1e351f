package main

import (
	"encoding/json"
	"net/http"
	"sync"
)

// ledger counts what ran, so that a test can compare outcomes with side effects.
type ledger struct {
	mutex  sync.Mutex
	active int
	starts map[string]int
	ends   map[string]int
}

func newLedger() *ledger {
	return &ledger{starts: map[string]int{}, ends: map[string]int{}}
}

func (l *ledger) begin(pod string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.active++
	l.starts[pod]++
}

// end notes that a command ended; `finished` is false when the connection was gone first.
func (l *ledger) end(pod string, finished bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.active--
	if finished {
		l.ends[pod]++
	}
}

// ServeHTTP shows the counts, and with DELETE begins anew afterwards.
func (l *ledger) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"active": l.active, "starts": l.starts, "ends": l.ends})
	if req.Method == http.MethodDelete {
		l.starts, l.ends = map[string]int{}, map[string]int{}
	}
}
