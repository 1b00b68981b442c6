package truth

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// PartialSuffix is appended to the name of a truth file until it is complete.
const PartialSuffix = ".partial"

// Writer streams operations to a JSON array, one a line. It is safe for concurrent use.
type Writer struct {
	mu    sync.Mutex
	out   *bufio.Writer
	count int
	err   error
	file  *os.File
	path  string
}

// Create starts a truth file. It appears under its path when Commit has completed it; until then it has PartialSuffix.
func Create(path string) (*Writer, error) {
	file, err := os.Create(path + PartialSuffix)
	if err != nil {
		return nil, err
	}
	w := NewWriter(file)
	w.file, w.path = file, path
	return w, nil
}

// NewWriter starts an array on any writer, which Commit completes but does not close.
func NewWriter(out io.Writer) *Writer {
	return &Writer{out: bufio.NewWriterSize(out, 64<<10)}
}

// Write appends a settled operation. After an error every further call returns the same one.
func (w *Writer) Write(op *Operation) error {
	line, err := json.Marshal(op)
	if err != nil {
		return fmt.Errorf("truth of operation %s: %w", op.ID, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err != nil {
		return w.err
	}
	separator := ",\n"
	if w.count == 0 {
		separator = "[\n"
	}
	// A bufio.Writer keeps its first error, so that one look at the second write sees both.
	_, _ = w.out.WriteString(separator)
	if _, err := w.out.Write(line); err != nil {
		w.err = fmt.Errorf("write truth: %w", err)
		return w.err
	}
	w.count++
	return nil
}

// Commit completes the array and gives the file its final name. It must be called once, after the last Write.
func (w *Writer) Commit() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	end := "\n]\n"
	if w.count == 0 {
		end = "[]\n"
	}
	_, _ = w.out.WriteString(end)
	err := w.out.Flush()
	if w.file == nil {
		return err
	}
	if err = errors.Join(err, w.file.Close()); err != nil {
		return fmt.Errorf("write truth: %w", err)
	}
	return os.Rename(w.file.Name(), w.path)
}
