package alert

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"time"
)

// maxResponse is how much of a response is read so that the connection can be used again.
const maxResponse = 64 << 10

// maxAnswer is how much of an answer is read that is asked for.
const maxAnswer = 8 << 20

// maxLink bounds an address that somebody is to click on, in bytes.
const maxLink = 2000

// Client sends requests to one address by the rules that all backends share.
type Client struct {
	client  *http.Client
	address string
}

// NewClient returns a client that posts to the address, to which the path is added, by means of an HTTP client. Errors do not
// quote the address, because it may hold a secret.
func NewClient(client *http.Client, address string, path ...string) (*Client, error) {
	base, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("the address is not a URL")
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, errors.New("the address must be an http or https URL with a host")
	}
	whole := base
	if len(path) > 0 {
		whole = base.JoinPath(path...)
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{client: &own, address: whole.String()}, nil
}

// Post sends a body and returns nil if it was taken, else an [*Error], see [CheckResponse].
func (c *Client) Post(ctx context.Context, header http.Header, body []byte) error {
	_, err := c.do(ctx, http.MethodPost, c.address, header, body)
	return err
}

// Do is Post with another method and a further path, and returns the beginning of the answer.
func (c *Client) Do(ctx context.Context, method, path string, header http.Header, body []byte) ([]byte, error) {
	address, err := url.JoinPath(c.address, path)
	if err != nil {
		return nil, &Error{Err: errors.New("the request cannot be made")}
	}
	return c.do(ctx, method, address, header, body)
}

func (c *Client) do(ctx context.Context, method, address string, header http.Header, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, &Error{Err: errors.New("the request cannot be made")}
	}
	maps.Copy(request.Header, header)
	response, err := c.client.Do(request)
	if err != nil {
		return nil, NoAnswer(err)
	}
	defer response.Body.Close()
	limit := int64(maxResponse)
	if method == http.MethodGet {
		limit = maxAnswer
	}
	answer, _ := io.ReadAll(io.LimitReader(response.Body, limit))
	return answer, CheckResponse(response, time.Now())
}

// WebLink returns the address as one that a link may lead to: http or https, with a host. ok is false for anything else, such
// as what a stranger might have put into telemetry.
func WebLink(address string) (link string, ok bool) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || len(address) > maxLink {
		return "", false
	}
	return u.String(), true
}

// JSON is the header of a body in JSON.
func JSON() http.Header { return http.Header{"Content-Type": {"application/json"}} }
