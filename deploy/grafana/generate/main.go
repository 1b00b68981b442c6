// Generate writes the Grafana dashboards of Throughline, one JSON file each, into the folder it is given.
//
// Panels are described in Go because what makes a dashboard good repeats: each has a unit and a sentence on what it shows and
// when to worry, one data source for all, colours that mean the same everywhere, links to the other dashboards, the console and
// Jaeger. The files are committed, so that nobody needs Go to use them; `make generate` writes them again, and a test compares.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// all returns the dashboards by the name of their file.
func all() map[string]*dashboard {
	return map[string]*dashboard{
		"operations.json": operations(),
		"operation.json":  operation(),
		"queues.json":     queues(),
		"collector.json":  collector(),
	}
}

func write(folder string) error {
	for name, d := range all() {
		text, err := render(d)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil { //nolint:gosec // Everybody may read them.
			return err
		}
	}
	return nil
}

func render(d *dashboard) ([]byte, error) {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(text, '\n'), nil
}
