package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/throughline/throughline/internal/alert"
	"github.com/throughline/throughline/internal/alert/alerttest"
	"github.com/throughline/throughline/internal/operation"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func settings(endpoint string) Settings {
	return Settings{Endpoint: endpoint, Title: alert.MustTemplate(DefaultTitle), Text: alert.MustTemplate(DefaultText)}
}

func TestBackend(t *testing.T) {
	alerttest.Run(t, func(t *testing.T, client *http.Client, endpoint string) alert.Notifier {
		t.Helper()
		t.Cleanup(client.CloseIdleConnections)
		notifier, err := New(client, settings(endpoint))
		require.NoError(t, err)
		return notifier
	})
}

// link is the only markup in angle brackets that a message may have.
var link = regexp.MustCompile(`^<https?://[^<>|\s]+\|(Incident|Runbook)>$`)

var inBrackets = regexp.MustCompile("<[^>]*>?")

// conforms checks a message against the reference of Block Kit: types of blocks, required fields and bounds.
func conforms(tb require.TestingT, data []byte) message {
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	decoder.DisallowUnknownFields()
	var m message
	require.NoError(tb, decoder.Decode(&m))
	require.NotEmpty(tb, m.Text)
	require.Len(tb, m.Attachments, 1)
	require.Regexp(tb, "^#[0-9a-f]{6}$", m.Attachments[0].Color)
	require.LessOrEqual(tb, len(m.Attachments[0].Blocks), 50)
	for _, b := range m.Attachments[0].Blocks {
		switch b.Type {
		case "section":
			require.True(tb, b.Text != nil || len(b.Fields) > 0, "a section has text or fields")
			require.LessOrEqual(tb, len(b.Fields), 10)
			if b.Text != nil {
				plain(tb, *b.Text, 3000)
			}
			for _, f := range b.Fields {
				plain(tb, f, 2000)
			}
		case "context":
			require.NotEmpty(tb, b.Elements)
			for _, e := range b.Elements {
				require.Equal(tb, "mrkdwn", e.Type)
				for _, found := range inBrackets.FindAllString(e.Text, -1) {
					require.Regexp(tb, link, found)
				}
			}
		default:
			require.Fail(tb, "unknown block", b.Type)
		}
	}
	return m
}

// plain checks that a text holds neither links nor mentions and is within its bound.
func plain(tb require.TestingT, t text, limit int) {
	require.Equal(tb, "mrkdwn", t.Type)
	require.NotEmpty(tb, t.Text)
	require.LessOrEqual(tb, utf8.RuneCountInString(t.Text), limit)
	require.NotContains(tb, t.Text, "<")
	require.NotContains(tb, t.Text, ">")
}

func send(t *testing.T, alerts ...alert.Alert) []message {
	t.Helper()
	var messages []message
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/services/T0/B0/x" || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		messages = append(messages, conforms(t, data))
		_, _ = io.WriteString(w, "ok")
	}))
	defer server.Close()
	notifier, err := New(server.Client(), settings(server.URL+"/services/T0/B0/x"))
	require.NoError(t, err)
	require.NoError(t, notifier.Notify(t.Context(), alerts))
	return messages
}

func TestMessages(t *testing.T) {
	firing := alerttest.Alert()
	firing.Labels[alert.LabelDestination] = "orders & <more>"
	firing.Annotations[alert.AnnotationError] = "TimeoutError: <!channel> took too long"
	firing.Annotations[alert.AnnotationRunbook] = "https://runbooks.example.com/orders?a=1&b=2"
	escalated := firing
	escalated.Former = []alert.Former{{Routing: alert.Routing{Severity: operation.SeverityWarning}}}
	over := firing
	over.Status, over.EndsAt = alert.StatusResolved, firing.StartsAt.Add(time.Minute)

	messages := send(t, firing, escalated, over)
	require.Equal(t, `CRITICAL: 3 operations of "fulfil" stuck (waiting) at "orders"`, messages[0].Text)
	require.Equal(t, `CRITICAL (was warning): 3 operations of "fulfil" stuck (waiting) at "orders"`, messages[1].Text)
	require.Equal(t, `Resolved: 3 operations of "fulfil" stuck (waiting) at "orders"`, messages[2].Text)
	blocks := messages[0].Attachments[0].Blocks
	require.Len(t, blocks, 4)
	require.Equal(t, "TimeoutError: &lt;!channel&gt; took too long", blocks[1].Text.Text)
	require.Contains(t, blocks[2].Fields, mrkdwn("*Destination*\norders &amp; &lt;more&gt;"))
	require.Equal(t, "<"+firing.GeneratorURL+"|Incident> · <https://runbooks.example.com/orders?a=1&amp;b=2|Runbook>",
		blocks[3].Elements[0].Text)
	require.Equal(t, "#e01e5a", messages[0].Attachments[0].Color)
	require.Equal(t, "#2eb67d", messages[2].Attachments[0].Color)
}

func TestAnythingConforms(t *testing.T) {
	notifier, err := New(http.DefaultClient, settings("https://hooks.example.com/x"))
	require.NoError(t, err)
	anything := rapid.Custom(func(t *rapid.T) string {
		piece := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"<!channel>", "&", "<https://evil.example|Runbook>", "<@U1>"}))
		return strings.Repeat(piece.Draw(t, "text"), rapid.SampledFrom([]int{1, 1, 1000, 5000}).Draw(t, "times"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a := alerttest.Alert()
		a.Owner = anything.Draw(t, "owner")
		a.Labels = map[string]string{alert.LabelOperation: anything.Draw(t, "operation"), alert.LabelDestination: anything.Draw(t, "destination")}
		for _, name := range []string{"summary", "error", "runbook_url", "first_failing_hop", "affected_operations", "resolution"} {
			a.Annotations[name] = anything.Draw(t, name)
		}
		m, err := notifier.message(&a)
		require.NoError(t, err)
		data, err := json.Marshal(m)
		require.NoError(t, err)
		conforms(t, data)
	})
}

func TestNewNamesNoSecret(t *testing.T) {
	for _, endpoint := range []string{"ftp://host/pa55word", "://pa55word", "pa55word"} {
		_, err := New(http.DefaultClient, settings(endpoint))
		require.ErrorContains(t, err, "slack: the address")
		require.NotContains(t, err.Error(), "pa55word")
	}
}
