package incident

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/throughline/throughline/internal/operation"
	"github.com/throughline/throughline/internal/stack"
	"github.com/throughline/throughline/internal/template"
)

const javaTrace = `com.acme.OrderException: order 42 of Alice failed
	at com.acme.Orders.place(Orders.java:20)
Caused by: java.net.ConnectException: refused by 10.0.0.7:443
	at java.base/java.net.Socket.connect(Socket.java:1)
	at com.acme.platform.Http.post(Http.java:5)
	at com.acme.Gateway.lambda$charge$0(Gateway.java:9)
	at com.acme.Orders.place(Orders.java:18)
`

func TestFailureOf(t *testing.T) {
	for _, c := range []struct {
		name  string
		error *operation.Error
		rules stack.Rules
		want  Failure
	}{
		{name: "none"},
		{
			name:  "the root cause counts",
			error: &operation.Error{Type: "com.acme.OrderException", Message: "order 42 of Alice failed", Stack: javaTrace},
			want:  Failure{"java.net.ConnectException", "com.acme.platform.Http.post", "refused by <*>"},
		},
		{
			name:  "what is in the application is configured",
			error: &operation.Error{Type: "com.acme.OrderException", Message: "order 42 of Alice failed", Stack: javaTrace},
			rules: stack.Rules{Exclude: []string{"com.acme.platform."}},
			want:  Failure{"java.net.ConnectException", "com.acme.Gateway.charge", "refused by <*>"},
		},
		{
			name:  "one exception has the type and message of the evidence",
			error: &operation.Error{Type: "ENOENT", Message: "no file", Stack: "Error: no such\n    at read (/app/terms.js:3:1)\n"},
			want:  Failure{"ENOENT", "terms.read", "no file"},
		},
		{
			name:  "a stack trace alone",
			error: &operation.Error{Stack: "TypeError: x of 7 is undefined\n    at read (/app/terms.js:3:1)\n"},
			want:  Failure{"TypeError", "terms.read", "x of <*> is undefined"},
		},
		{
			name:  "no stack trace",
			error: &operation.Error{Type: "Declined", Message: "card 'x' was declined"},
			want:  Failure{"Declined", "", "card <*> was declined"},
		},
		{
			name:  "a type that carries another error says nothing",
			error: &operation.Error{Type: "*errors.errorString", Message: "order 42: no stock"},
			want:  Failure{"", "", "order <*> no stock"},
		},
		{
			name:  "a text in place of a stack trace",
			error: &operation.Error{Stack: "handler failed after 3 s"},
			want:  Failure{"", "", "handler failed after <*> s"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, FailureOf(c.error, c.rules))
		})
	}
}

// broken is a change by which an operation fails with the error.
func broken(id string, e operation.Error) operation.Change {
	c := change(id, inProgress, failed)
	c.View.Hops[0].Consumers[0].Attempts[0].Error = &e
	return c
}

func TestFailuresAreGroupedByCause(t *testing.T) {
	tracker := newTracker(t, nil)
	var changes []operation.Change
	for i := range 30 {
		changes = append(changes,
			broken(fmt.Sprint("refused-", i), operation.Error{
				Type: "com.acme.OrderException", Message: fmt.Sprintf("order %d of Alice failed", i), Stack: strings.ReplaceAll(javaTrace, "42", strconv.Itoa(i)),
			}),
			broken(fmt.Sprint("declined-", i), operation.Error{Type: "com.acme.OrderException", Message: fmt.Sprintf("card %d declined", i)}),
			broken(fmt.Sprint("limit-", i), operation.Error{
				Type: "com.acme.OrderException", Message: "limit of tenant " + []string{"acme", "hooli", "globex"}[i%3] + " is exhausted",
			}))
	}
	opened := tracker.Observe(start, changes)
	require.Len(t, opened, 3)
	byMessage := map[string]Incident{}
	for _, e := range opened {
		require.Equal(t, EventOpened, e.Kind)
		require.Equal(t, FingerprintFailed, e.Incident.Version)
		require.EqualValues(t, 30, e.Incident.Active)
		byMessage[e.Incident.Message] = e.Incident
	}
	refused := byMessage["refused by <*>"]
	require.Equal(t, "com.acme.platform.Http.post", refused.Culprit)
	require.Equal(t, "java.net.ConnectException", refused.ErrorType)
	require.Contains(t, refused.Summary(), `error "java.net.ConnectException" in "com.acme.platform.Http.post"`)
	require.Contains(t, byMessage, "card <*> declined")
	require.Contains(t, byMessage, "limit of tenant acme is exhausted", "the first names what differs in one word")
}

// TestMessagesThatAreNeverTheSame: something that fails with other words each time is so many incidents at most.
func TestMessagesThatAreNeverTheSame(t *testing.T) {
	tracker := newTracker(t, func(s *Settings) { s.MaxMessages, s.Storm = 4, 0 })
	var changes []operation.Change
	for i := range 40 {
		changes = append(changes, broken(fmt.Sprint("o", i), operation.Error{Type: "E", Message: strings.Repeat("word ", i+1)}))
	}
	opened := tracker.Observe(start, changes)
	require.Len(t, opened, 5)
	stats := tracker.Stats()
	require.EqualValues(t, 32+4, stats.MessageOverflow, "messages beyond 32 words are cut and alike")
	require.Equal(t, 4, stats.Templates)
	for _, i := range tracker.List() {
		if i.Message == template.Wildcard {
			require.EqualValues(t, 36, i.Active)
		}
	}
}

// TestStuckIsGroupedAsBefore: a failed attempt before it got stuck does not matter.
func TestStuckIsGroupedAsBefore(t *testing.T) {
	c := change("a", inProgress, waiting)
	key, ok := KeyOf(&c, stack.Rules{})
	require.True(t, ok)
	require.Equal(t, FingerprintStuck, key.Version())
	require.Empty(t, key.ErrorType+key.Culprit+key.Message)
}

func FuzzFailureOf(f *testing.F) {
	f.Add("com.acme.OrderException", "order 42", javaTrace)
	f.Add("\xbe\xff", "\xbe\xac", "\xbeE: \xbe\n\tat \xbe.b.C(\xbe.java:1)\n")
	f.Add("", "", "goroutine 1 [running]:\nmain.f()\n\t/src/main.go:3\n")
	f.Fuzz(func(t *testing.T, kind, message, trace string) {
		e := &operation.Error{Type: kind, Message: message, Stack: trace}
		got := FailureOf(e, stack.Rules{})
		require.Equal(t, got, FailureOf(e, stack.Rules{}))
		for _, s := range []string{got.Type, got.Culprit, got.Message} {
			// What is no UTF-8 is replaced after it was cut.
			require.LessOrEqual(t, len(s), maxName*len("\uFFFD"))
			require.Equal(t, strings.ToValidUTF8(s, "\uFFFD"), s)
		}
	})
}
