package replay

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// The signals that are replayed.
const (
	SignalTraces = "traces"
	SignalLogs   = "logs"
)

// Request is one recorded export request.
type Request struct {
	// Signal is SignalTraces or SignalLogs.
	Signal string
	// At is when it arrived.
	At time.Time
	// Body is OTLP JSON.
	Body []byte
}

// Recording is one folder.
type Recording struct {
	// Name is the name of the folder.
	Name string
	// Requests are in order of arrival.
	Requests []Request
	Truth    Truth
}

// arrival is one line of arrivals.jsonl.
type arrival struct {
	// Seconds since 1970.
	Seconds float64 `json:"t"`
	Signal  string  `json:"signal"`
	// Line counts from 1 within the file of the signal.
	Line int `json:"line"`
}

// Load reads a folder. Its files may be compressed, with the suffix .gz. Metrics are left out: no verdict rests on them.
func Load(dir string) (*Recording, error) {
	r := &Recording{Name: filepath.Base(dir)}
	text, err := read(filepath.Join(dir, "TRUTH.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &r.Truth); err != nil {
		return nil, fmt.Errorf("TRUTH.json of %s: %w", r.Name, err)
	}
	bodies := map[string][][]byte{}
	for _, signal := range []string{SignalTraces, SignalLogs} {
		text, err := read(filepath.Join(dir, signal+".json"))
		if err != nil {
			return nil, err
		}
		bodies[signal] = lines(text)
	}
	text, err = read(filepath.Join(dir, "arrivals.jsonl"))
	if err != nil {
		return nil, err
	}
	for i, line := range lines(text) {
		if err := r.add(line, bodies); err != nil {
			return nil, fmt.Errorf("arrivals.jsonl of %s, line %d: %w", r.Name, i+1, err)
		}
	}
	return r, nil
}

// add appends the request that a line of arrivals.jsonl names.
func (r *Recording) add(line []byte, bodies map[string][][]byte) error {
	var a arrival
	if err := json.Unmarshal(line, &a); err != nil {
		return err
	}
	if a.Signal == "metrics" {
		return nil
	}
	of, ok := bodies[a.Signal]
	if !ok {
		return fmt.Errorf("signal %q: must be traces, logs or metrics", a.Signal)
	}
	if a.Line < 1 || a.Line > len(of) {
		return fmt.Errorf("line %d of %s: there are %d", a.Line, a.Signal, len(of))
	}
	at := time.UnixMicro(int64(a.Seconds * 1e6)).UTC()
	r.Requests = append(r.Requests, Request{Signal: a.Signal, At: at, Body: of[a.Line-1]})
	return nil
}

// read reads a file that may be compressed.
func read(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	file, err := os.Open(path + ".gz")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return nil, fmt.Errorf("%s.gz: %w", path, err)
	}
	text, err = io.ReadAll(unzipped)
	if err != nil {
		return nil, fmt.Errorf("%s.gz: %w", path, err)
	}
	return text, nil
}

func lines(text []byte) [][]byte {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return nil
	}
	return bytes.Split(text, []byte("\n"))
}
