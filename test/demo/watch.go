package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

const requestTimeout = 5 * time.Second

// operation is the part of the API's operation that the demo shows.
type operation struct {
	ID      string `json:"id"`
	TraceID string `json:"trace_id"`
}

// announcement is printed once, when the first operation of a state appears.
type announcement struct {
	state string
	print func(operation)
}

// watcher asks the console API for operations.
type watcher struct {
	baseURL string
	client  http.Client
}

func newWatcher(baseURL string) *watcher {
	return &watcher{baseURL: baseURL, client: http.Client{Timeout: requestTimeout}}
}

func (w *watcher) close() {
	w.client.CloseIdleConnections()
}

// announce makes the announcements that are due and returns the rest. An API that does not answer is asked again later.
func (w *watcher) announce(ctx context.Context, waiting []announcement) []announcement {
	var rest []announcement
	for _, a := range waiting {
		op, found, err := w.first(ctx, a.state)
		if err != nil || !found {
			rest = append(rest, a)
			continue
		}
		a.print(op)
	}
	return rest
}

// first returns one operation in the given state, if there is any.
func (w *watcher) first(ctx context.Context, state string) (op operation, found bool, err error) {
	query := url.Values{"state": {state}, "limit": {"1"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.baseURL+"/api/v1/operations?"+query.Encode(), http.NoBody)
	if err != nil {
		return operation{}, false, err
	}
	response, err := w.client.Do(request)
	if err != nil {
		return operation{}, false, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return operation{}, false, fmt.Errorf("%s: %s", request.URL, response.Status)
	}
	var page struct {
		Operations []operation `json:"operations"`
	}
	if err := json.NewDecoder(response.Body).Decode(&page); err != nil {
		return operation{}, false, fmt.Errorf("%s: %w", request.URL, err)
	}
	// An operation has its trace ID from the start, but one without would make a useless link.
	if len(page.Operations) == 0 || page.Operations[0].TraceID == "" {
		return operation{}, false, nil
	}
	return page.Operations[0], true, nil
}
