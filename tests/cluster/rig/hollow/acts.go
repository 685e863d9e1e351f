package main

import (
	"fmt"
	"strconv"
	"strings"
)

const actLabel = "act"

// The acts that a pod's label may name: what the command `act` does there.
var knownActs = map[string][]string{
	"ok":      {"hostname"},
	"exit-3":  {"exit", "3"},
	"drop":    {"drop"},
	"drip":    {"drip", "5", "200"},
	"stall":   {"stall"},
	"refuse":  {"refuse"},
	"missing": {"no-such-program"},
}

// parseActs reads "drop=20,exit-3=40" and gives each pod's act by index; pods with the same act are spread evenly.
func parseActs(text string, pods int) ([]string, error) {
	acts := make([]string, pods)
	for i := range acts {
		acts[i] = "ok"
	}
	if text == "" {
		return acts, nil
	}
	for _, part := range strings.Split(text, ",") {
		name, number, _ := strings.Cut(part, "=")
		count, err := strconv.Atoi(number)
		if err != nil || count < 0 {
			return nil, fmt.Errorf("acts are written NAME=COUNT, not %q", part)
		}
		if _, known := knownActs[name]; !known {
			return nil, fmt.Errorf("no act %q", name)
		}
		for n := 0; n < count; n++ {
			place := freeFrom(acts, n*pods/max(count, 1))
			if place < 0 {
				return nil, fmt.Errorf("more acts than the %d pods", pods)
			}
			acts[place] = name
		}
	}
	return acts, nil
}

func freeFrom(acts []string, start int) int {
	for offset := range acts {
		place := (start + offset) % len(acts)
		if acts[place] == "ok" {
			return place
		}
	}
	return -1
}

func podName(index int) string { return fmt.Sprintf("hollow-%05d", index) }

func nodeName(index int) string { return fmt.Sprintf("hollow-node-%03d", index) }

func actsByPod(acts []string) map[string][]string {
	found := make(map[string][]string, len(acts))
	for index, act := range acts {
		found[podName(index)] = knownActs[act]
	}
	return found
}
