package replay

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	sendTimeout = 30 * time.Second
	// maxAnswer is how much of an answer is quoted or read.
	maxAnswer = 2048
)

// Send posts the requests one after another to an OTLP/HTTP end point such as http://localhost:4318. With a speed above 0
// it keeps the distances of their arrivals, divided by the speed; with 0 it sends at once. An answer other than 200 is an
// error.
func Send(ctx context.Context, endpoint string, requests []Request, speed float64) error {
	start := time.Now()
	for i := range requests {
		if speed > 0 {
			due := start.Add(time.Duration(float64(requests[i].At.Sub(requests[0].At)) / speed))
			if err := waitUntil(ctx, due); err != nil {
				return err
			}
		}
		if err := post(ctx, endpoint+"/v1/"+requests[i].Signal, requests[i].Body); err != nil {
			return fmt.Errorf("request %d: %w", i+1, err)
		}
	}
	return nil
}

// waitUntil returns at once if the time has passed.
func waitUntil(ctx context.Context, due time.Time) error {
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func post(ctx context.Context, address string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s: %s", address, response.Status, answer)
	}
	return nil
}
