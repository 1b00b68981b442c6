package alert

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxRetryAfter bounds how long a backend may tell us to wait.
const maxRetryAfter = time.Hour

// Error says why a backend could not be told.
type Error struct {
	// Status is the HTTP status, 0 if there was no answer.
	Status int
	// Retryable says that the same request may succeed later.
	Retryable bool
	// Unsent says that the request never reached the backend, so that it cannot have been carried out.
	Unsent bool
	// RetryAfter is how long the backend wants to be left alone, 0 if it does not say.
	RetryAfter time.Duration
	// Err is the cause, nil if the status says it all.
	Err error
}

// Error implements error. It tells nothing of the request or the response, because both may hold secrets.
func (e *Error) Error() string {
	if e.Status == 0 {
		return fmt.Sprintf("no answer: %v", e.Err)
	}
	text := fmt.Sprintf("HTTP status %d", e.Status)
	if name := http.StatusText(e.Status); name != "" {
		text += " (" + name + ")"
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// errRedirect is no address to post to: what is posted there would arrive without its body, or with our credentials at
// somebody else's.
var errRedirect = errors.New("redirects are not followed, configure the final address")

// NoAnswer makes an Error of what the HTTP client returned instead of a response. Trying again may help.
func NoAnswer(err error) *Error {
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		// It quotes the address, which may hold a password or a token.
		err = urlErr.Err
	}
	dial, ok := errors.AsType[*net.OpError](err)
	unsent := ok && dial.Op == "dial"
	if errors.Is(err, context.DeadlineExceeded) {
		err = context.DeadlineExceeded
	}
	return &Error{Retryable: true, Unsent: unsent, Err: err}
}

// CheckResponse returns nil for a response that says that the request was carried out, else an *Error:
//
//	2xx                  carried out
//	3xx                  permanent
//	408, 429, 5xx        retryable
//	all other 4xx        permanent
func CheckResponse(response *http.Response, now time.Time) error {
	status := response.StatusCode
	switch {
	case status >= 200 && status <= 299:
		return nil
	case status >= 300 && status <= 399:
		return &Error{Status: status, Err: errRedirect}
	}
	retryable := status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
	e := &Error{Status: status, Retryable: retryable}
	if retryable {
		e.RetryAfter = retryAfter(response.Header.Get("Retry-After"), now)
	}
	return e
}

// retryAfter reads the header Retry-After, seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(header string, now time.Time) time.Duration {
	if header == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(header, 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(header)
	if err != nil {
		return 0
	}
	return min(max(0, at.Sub(now)), maxRetryAfter)
}
