package stack

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// springLike is a trace as frameworks write them: the cause comes after a great many calls of libraries.
func springLike(library int) string {
	var b strings.Builder
	frames := func(n int, own string) {
		for i := range n {
			fmt.Fprintf(&b, "\tat org.springframework.web.servlet.Dispatcher%d.doService(Dispatcher%d.java:%d)\n", i, i, i+1)
		}
		b.WriteString(own)
		for i := range n {
			fmt.Fprintf(&b, "\tat org.apache.catalina.core.Filter%d.doFilter(Filter%d.java:%d)\n", i, i, i+1)
		}
	}
	b.WriteString("com.acme.Outer: order 42 failed\n")
	frames(library, "\tat com.acme.Orders.place(Orders.java:20)\n")
	b.WriteString("Caused by: com.acme.Inner: card declined\n")
	frames(library, "\tat com.acme.Gateway.charge(Gateway.java:9)\n")
	return b.String()
}

func TestCondenseKeepsTheCause(t *testing.T) {
	text := springLike(60)
	for _, limit := range []int{600, 1024, 4096} {
		short := Condense(text, limit)
		require.LessOrEqual(t, len(short), limit)
		trace := Parse(short)
		require.Len(t, trace.Exceptions, 2)
		require.Equal(t, "com.acme.Inner", trace.Root().Type)
		require.Equal(t, "card declined", trace.Root().Message)
		culprit, inApp := trace.Culprit(Rules{})
		require.True(t, inApp)
		require.Equal(t, "com.acme.Gateway.charge", culprit)
	}
	require.Equal(t, text, Condense(text, len(text)))
}

func TestCondenseKeepsTheEndOfTracebacks(t *testing.T) {
	var b strings.Builder
	b.WriteString(pythonHead + ":\n  File \"/app/main.py\", line 3, in main\n    serve()\n")
	for i := range 200 {
		fmt.Fprintf(&b, "  File \"/usr/lib/python3/dist-packages/web/router%d.py\", line %d, in route\n    return inner()\n           ^^^^^\n", i, i)
	}
	b.WriteString("  File \"/app/orders.py\", line 9, in charge\n    raise Declined(card)\norders.Declined: card 42\n")
	trace := Parse(Condense(b.String(), 1000))
	require.Equal(t, []string{"orders.Declined|card 42|orders.charge"}, chain(trace))
	require.Equal(t, "/app/main.py", trace.Root().Frames[len(trace.Root().Frames)-1].File)
}

func TestCondenseWithoutCallsCutsTheEnd(t *testing.T) {
	require.Equal(t, strings.Repeat("é", 5), Condense(strings.Repeat("é", 100), 11))
}

func TestChainsAndCallsAreBounded(t *testing.T) {
	deep := "a.b.C: 0\n" + strings.Repeat("\tat a.b.C.m(C.java:1)\n", 4*MaxFrames)
	require.Len(t, Parse(deep).Exceptions[0].Frames, MaxFrames)

	long := "a.b.C: 0\n\tat a.b.C.m(C.java:1)\n" + strings.Repeat("Caused by: a.b.D: 1\n\tat a.b.D.m(D.java:1)\n", 4*MaxExceptions)
	require.Len(t, Parse(long).Exceptions, MaxExceptions)

	shared := "a.b.C: 0\n" + strings.Repeat("\tat a.b.C.m(C.java:1)\n", 300) +
		strings.Repeat("Caused by: a.b.D: 1\n\t... 300 more\n\t... 300 more\n\t... 999999999 more\n", 9)
	for _, e := range Parse(shared).Exceptions {
		require.LessOrEqual(t, len(e.Frames), MaxFrames)
	}
}

func TestRules(t *testing.T) {
	for _, c := range []struct {
		name     string
		language Language
		frame    Frame
		want     bool
	}{
		{"go, main", LanguageGo, Frame{Function: "main.main", File: "/src/main.go"}, true},
		{"go, module", LanguageGo, Frame{Function: "example.com/shop/orders.Place", File: "/src/orders/place.go"}, true},
		{"go, standard library", LanguageGo, Frame{Function: "net/http.(*conn).serve", File: "/usr/local/go/src/net/http/server.go"}, false},
		{"go, trimmed standard library", LanguageGo, Frame{Function: "encoding/json.Unmarshal", File: "encoding/json/decode.go"}, false},
		{"go, dependency", LanguageGo, Frame{Function: "example.org/lib.Do", File: "/home/build/go/pkg/mod/example.org/lib@v1.2.3/do.go"}, false},
		{"go, trimmed dependency", LanguageGo, Frame{Function: "example.org/lib.Do", File: "example.org/lib@v1.2.3/do.go"}, false},
		{"go, module without a domain", LanguageGo, Frame{Function: "shop/orders.Place", File: "/build/orders/place.go"}, true},
		{"go, module named like a package", LanguageGo, Frame{Function: "sync/orders.Place", File: "/build/orders/place.go"}, true},
		{"go, library by path", LanguageGo, Frame{Function: "github.com/twmb/franz-go/pkg/kgo.(*Client).Do", File: "/x/kgo/client.go"}, false},
		{"jvm, application", LanguageJVM, Frame{Function: "com.acme.Orders.place"}, true},
		{"jvm, library", LanguageJVM, Frame{Function: "org.springframework.kafka.Listener.invoke"}, false},
		{"jvm, native", LanguageJVM, Frame{Function: "com.acme.Codec.decode", File: "Native Method"}, false},
		{"jvm, obfuscated", LanguageJVM, Frame{Function: "com.acme.a.b"}, true},
		{"jvm, prefix of a word", LanguageJVM, Frame{Function: "javanese.Batik.dye"}, true},
		{"jvm, proxy", LanguageJVM, Frame{Function: "com.acme.Orders$$FastClassBySpringCGLIB$$12.invoke"}, false},
		{".net, library", LanguageDotNet, Frame{Function: "System.Linq.Enumerable.First"}, false},
		{".net, application", LanguageDotNet, Frame{Function: "Systematic.Orders.Place"}, true},
		{"python, standard library", LanguagePython, Frame{File: "/usr/lib/python3.11/json/decoder.py"}, false},
		{"python, application beside python", LanguagePython, Frame{File: "/srv/python/orders.py"}, true},
		{"python, frozen", LanguagePython, Frame{File: "<frozen importlib._bootstrap>"}, false},
		{"python, package", LanguagePython, Frame{File: "/venv/lib/python3.11/site-packages/celery/app.py"}, false},
		{"v8, module", LanguageV8, Frame{File: "/app/node_modules/amqplib/lib/channel.js", Line: 3}, false},
		{"v8, internal", LanguageV8, Frame{File: "node:internal/timers", Line: 3}, false},
		{"v8, application", LanguageV8, Frame{File: "/app/src/events.js", Line: 3}, true},
		{"v8, old node", LanguageV8, Frame{File: "events.js", Line: 3}, false},
		{"ruby, gem", LanguageRuby, Frame{File: "/usr/lib/ruby/gems/3.1.0/gems/bunny-2.19/lib/bunny.rb"}, false},
		{"php, vendor", LanguagePHP, Frame{Function: "A->b", File: "/app/vendor/a/b.php"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, Rules{}.InApp(c.language, &c.frame))
		})
	}
}

func TestConfiguredRulesComeFirst(t *testing.T) {
	r := Rules{Include: []string{"org.springframework.acme.", "com.acme."}, Exclude: []string{"org.", "com.acme.shaded.", "com.acme."}}
	in := func(function string) bool { return r.InApp(LanguageJVM, &Frame{Function: function}) }
	require.True(t, in("org.springframework.acme.Orders.place"))
	require.False(t, in("org.other.Orders.place"))
	require.False(t, in("com.acme.shaded.guava.Lists.of"))
	require.False(t, in("com.acme.Orders.place"), "Exclude decides between equals")
	require.True(t, in("net.shop.Orders.place"))
	require.True(t, Rules{Include: []string{"/venv/lib/python3.11/site-packages/ours/"}}.InApp(
		LanguagePython, &Frame{File: "/venv/lib/python3.11/site-packages/ours/a.py"}))
}

func TestRulesValidate(t *testing.T) {
	require.NoError(t, Rules{Include: []string{"com.acme."}}.Validate())
	require.ErrorContains(t, Rules{Exclude: []string{"x", " "}}.Validate(), `exclude[1] is " "`)
	require.ErrorContains(t, Rules{Include: make([]string, 101)}.Validate(), "include has 101 entries")
}

func TestName(t *testing.T) {
	for _, c := range []struct {
		language Language
		frame    Frame
		want     string
	}{
		{LanguageGo, Frame{Function: "main.run.func1.2.gowrap1"}, "main.run"},
		{LanguageGo, Frame{Function: "main.run.func1-range2"}, "main.run"},
		{LanguageGo, Frame{Function: "gopkg.in/yaml%2ev3.(*Decoder[...]).Decode"}, "gopkg.in/yaml%2ev3.(*Decoder).Decode"},
		{LanguageGo, Frame{Function: "main.(*T).handle-fm"}, "main.(*T).handle"},
		{LanguageGo, Frame{Function: "main.function"}, "main.function"},
		{LanguageJVM, Frame{Function: "com.acme.Orders$1.run"}, "com.acme.Orders.run"},
		{LanguageJVM, Frame{Function: "com.acme.Orders$Line.sum"}, "com.acme.Orders$Line.sum"},
		{LanguageJVM, Frame{Function: "com.acme.Orders$$EnhancerBySpringCGLIB$$1f2e.place"}, "com.acme.Orders.place"},
		{LanguageJVM, Frame{Function: "com.acme.Orders$.$anonfun$place$1"}, "com.acme.Orders.place"},
		{LanguageJVM, Frame{Function: "com.acme.Orders$$Lambda$14/0x00007f.apply"}, "com.acme.Orders.apply"},
		{LanguageDotNet, Frame{Function: "Acme.Orders.<Place>g__Check|2_0"}, "Acme.Orders.Place"},
		{LanguagePython, Frame{Function: "<module>", File: "/app/orders/__init__.py"}, "orders/__init__"},
		{LanguageV8, Frame{Function: "Object.<anonymous>", File: `C:\app\orders\index.js`}, "orders/index"},
		{LanguageV8, Frame{Function: "Orders.place", File: "/app/orders.ts?v=12"}, "orders.Orders.place"},
		{LanguageRuby, Frame{Function: "block (2 levels) in place", File: "/app/orders.rb"}, "orders.place"},
		{LanguagePHP, Frame{Function: `Acme\Orders->place`}, `Acme\Orders.place`},
	} {
		require.Equal(t, c.want, Name(c.language, &c.frame), c.frame.Function)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(springLike(3))
	f.Add("goroutine 1 [running]:\nmain.f(0x1)\n\t/src/main.go:12 +0x1d\n")
	f.Add("x\nmain.f\n\t/src/main.go:12\ny\nmain.g\n\t/src/main.go:13\n")
	f.Add(pythonHead + ":\n  File \"/a.py\", line 1, in f\n    x\nKeyError: 'a'\n\n" + pythonCause + "\n")
	f.Add("E: a ---> F: b\r\n   at A.B.C(String s) in /x.cs:line 12\r\n   --- End of inner exception stack trace ---\r\n")
	f.Add("E [X]: a\n    at async f [as g] (file:///a.js:1:2) {\n  [cause]: F: b\n      at <anonymous>:1:2\n")
	f.Add("/a.rb:1:in `block in f': m (E)\n\tfrom /a.rb:2:in 'g'\n")
	f.Add("PHP Fatal error:  Uncaught E: m in /a.php:1\nStack trace:\n#0 /a.php(2): f(1)\n#1 {main}\n")
	f.Fuzz(func(t *testing.T, text string) {
		trace := Parse(text)
		require.LessOrEqual(t, len(trace.Exceptions), MaxExceptions)
		for i := range trace.Exceptions {
			e := &trace.Exceptions[i]
			require.LessOrEqual(t, len(e.Frames), MaxFrames)
			require.LessOrEqual(t, len(e.Message), len(text))
			for k := range e.Frames {
				Name(trace.Language, &e.Frames[k])
			}
		}
		name, inApp := trace.Culprit(Rules{})
		require.False(t, inApp && name == "")
		for _, limit := range []int{256, 600} {
			short := Condense(text, limit)
			require.LessOrEqual(t, len(short), max(limit, min(len(text), limit)))
			if utf8.ValidString(text) {
				require.True(t, utf8.ValidString(short))
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	text := springLike(30)
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		trace := Parse(text)
		trace.Culprit(Rules{})
	}
}
