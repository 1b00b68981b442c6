package verdict

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	pageSize       = 1000
	requestTimeout = 30 * time.Second
	// maxProblem is how much of an error's body is quoted.
	maxProblem = 2048
)

// ErrNotFound says that the server knows no such resource.
var ErrNotFound = errors.New("not found")

// Client asks the console's API.
type Client struct {
	// BaseURL is the console's address without a final slash.
	BaseURL string
}

type page struct {
	Operations []Operation `json:"operations"`
	NextCursor string      `json:"next_cursor"`
}

// Operations returns all operations, each once. Those that change meanwhile are shown as they were first seen.
func (c Client) Operations(ctx context.Context) ([]Operation, error) {
	var all []Operation
	seen := map[[2]string]bool{}
	query := url.Values{"limit": {strconv.Itoa(pageSize)}}
	for {
		var p page
		if err := GetJSON(ctx, c.BaseURL+"/api/v1/operations?"+query.Encode(), &p); err != nil {
			return nil, err
		}
		for i := range p.Operations {
			key := [2]string{p.Operations[i].Namespace, p.Operations[i].ID}
			if !seen[key] {
				seen[key] = true
				all = append(all, p.Operations[i])
			}
		}
		if p.NextCursor == "" {
			return all, nil
		}
		query.Set("cursor", p.NextCursor)
	}
}

// Operation returns one operation by any of its IDs, or ErrNotFound.
func (c Client) Operation(ctx context.Context, id string) (Operation, error) {
	var op Operation
	err := GetJSON(ctx, c.BaseURL+"/api/v1/operations/"+url.PathEscape(id), &op)
	return op, err
}

// GetJSON gets a resource and decodes it. An answer other than 200 is an error that quotes it; 404 is ErrNotFound.
func GetJSON(ctx context.Context, address string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		problem, _ := io.ReadAll(io.LimitReader(response.Body, maxProblem))
		err := fmt.Errorf("GET %s: %s: %s", address, response.Status, problem)
		if response.StatusCode == http.StatusNotFound {
			return errors.Join(ErrNotFound, err)
		}
		return err
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("GET %s: %w", address, err)
	}
	return nil
}
