package stack

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// chain writes what was read in a form that a table can hold: type|message|function@file:line of the innermost call.
func chain(t Trace) []string {
	var out []string
	for _, e := range t.Exceptions {
		line := e.Type + "|" + e.Message
		if len(e.Frames) > 0 {
			line += "|" + Name(t.Language, &e.Frames[0])
		}
		out = append(out, line)
	}
	return out
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text string
		language   Language
		want       []string
		culprit    string
	}{
		{
			name: "java, causes, suppressed, common calls", language: LanguageJVM,
			text: `Exception in thread "worker-3" com.acme.OrderException: order 42: failed
second line
	at app//com.acme.Orders.place(Orders.java:20) ~[orders.jar:1.2]
	at com.acme.Main.main(Main.java:7)
	Suppressed: java.io.IOException: close
		at com.acme.Res.close(Res.java:3)
		... 1 more
	Caused by: java.lang.Error: inner of the suppressed
		at com.acme.Deep.down(Deep.java:3)
Caused by: java.lang.reflect.InvocationTargetException
	at java.base/jdk.internal.reflect.DirectMethodHandleAccessor.invoke(DirectMethodHandleAccessor.java:104)
	... 2 more
Caused by: java.sql.SQLTimeoutException: timeout: 30 s
	at org.postgresql.Driver.connect(Driver.java:1)
	at com.acme.Repo.lambda$save$0(Repo.java:9)
	... 1 more
`,
			want: []string{
				"com.acme.OrderException|order 42: failed\nsecond line|com.acme.Orders.place",
				"java.lang.reflect.InvocationTargetException||jdk.internal.reflect.DirectMethodHandleAccessor.invoke",
				"java.sql.SQLTimeoutException|timeout: 30 s|org.postgresql.Driver.connect",
			},
			culprit: "com.acme.Repo.save",
		},
		{
			name: "java, root first as Logback may write it", language: LanguageJVM,
			text: `java.net.ConnectException: refused
	at java.base/java.net.Socket.connect(Socket.java:1)
	at com.acme.Client.call(Client.java:5)
	... 3 common frames omitted
Wrapped by: com.acme.ClientException: call failed
	at com.acme.Service.run(Service.java:5)
`,
			want: []string{
				"com.acme.ClientException|call failed|com.acme.Service.run",
				"java.net.ConnectException|refused|java.net.Socket.connect",
			},
			culprit: "com.acme.Client.call",
		},
		{
			name: "kotlin coroutine and native calls", language: LanguageJVM,
			text: "java.lang.IllegalStateException: Check failed.\n\tat jdk.internal.misc.Unsafe.park(Native Method)\n" +
				"\tat com.acme.Billing$charge$2.invokeSuspend(Billing.kt:30)\n\tat kotlin.coroutines.jvm.internal.BaseContinuationImpl.resumeWith(ContinuationImpl.kt:33)\n",
			want:    []string{"java.lang.IllegalStateException|Check failed.|jdk.internal.misc.Unsafe.park"},
			culprit: "com.acme.Billing.charge",
		},
		{
			name: ".net, inner exceptions", language: LanguageDotNet,
			text: `System.AggregateException: One or more errors occurred. (refused)
 ---> System.Net.Http.HttpRequestException: refused
 ---> System.Net.Sockets.SocketException (111): Connection refused
   at System.Net.Http.ConnectHelper.ConnectAsync(String host, Int32 port, CancellationToken cancellationToken)
   --- End of inner exception stack trace ---
   at System.Net.Http.HttpConnectionPool.SendAsync(HttpRequestMessage request)
   at Acme.Payments.<ChargeAsync>d__5.MoveNext() in /src/Payments.cs:line 31
--- End of stack trace from previous location where exception was thrown ---
   at Acme.Worker.Run() in /src/Worker.cs:line 3
   --- End of inner exception stack trace ---
   at System.Threading.Tasks.Task.Wait()
---> (Inner Exception #0) System.Net.Http.HttpRequestException: refused
   at Acme.Never.Read()<---
`,
			want: []string{
				"System.AggregateException|One or more errors occurred. (refused)|System.Threading.Tasks.Task.Wait",
				"System.Net.Http.HttpRequestException|refused|System.Net.Http.HttpConnectionPool.SendAsync",
				"System.Net.Sockets.SocketException|Connection refused|System.Net.Http.ConnectHelper.ConnectAsync",
			},
			culprit: "Acme.Payments.ChargeAsync",
		},
		{
			name: ".net framework, chain in one line", language: LanguageDotNet,
			text: "Acme.Outer: no ---> Acme.Inner: yes\r\n   at Acme.Store`1.<>c__DisplayClass3_0.<Save>b__0(String id)\r\n" +
				"   --- End of inner exception stack trace ---\r\n   at Acme.Api.Put()\r\n",
			want:    []string{"Acme.Outer|no|Acme.Api.Put", "Acme.Inner|yes|Acme.Store.Save"},
			culprit: "Acme.Store.Save",
		},
		{
			name: "python, direct cause", language: LanguagePython,
			text: `Traceback (most recent call last):
  File "/usr/lib/python3.11/json/decoder.py", line 337, in decode
    obj, end = self.raw_decode(s)
               ^^^^^^^^^^^^^^^^^^
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/orders/handlers.py", line 12, in handle
    parse(body)
  File "/app/orders/parse.py", line 5, in parse
    raise BadOrder("order 42")
orders.errors.BadOrder: order 42
`,
			want: []string{
				"orders.errors.BadOrder|order 42|parse.parse",
				"json.decoder.JSONDecodeError|Expecting value: line 1 column 1 (char 0)|decoder.decode",
			},
			culprit: "parse.parse",
		},
		{
			name: "python, another one during handling", language: LanguagePython,
			text: "Traceback (most recent call last):\n  File \"/app/cache.py\", line 3, in get\n    return d[k]\nKeyError: 'x'\n\n" +
				pythonDuring + "\n\nTraceback (most recent call last):\n  File \"/app/load.py\", line 9, in <module>\n    go()\n" +
				"  File \"/app/load.py\", line 4, in go\n    1/0\nZeroDivisionError: division by zero",
			want:    []string{"ZeroDivisionError|division by zero|load.go"},
			culprit: "load.go",
		},
		{
			name: "python, group of exceptions", language: LanguagePython,
			text: `  + Exception Group Traceback (most recent call last):
  |   File "/app/main.py", line 8, in run
  |     raise ExceptionGroup("two failed", errors)
  | ExceptionGroup: two failed (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/main.py", line 4, in first
    |     raise ValueError("bad")
    | ValueError: bad
    +---------------- 2 ----------------
    | Traceback (most recent call last):
    |   File "/app/main.py", line 5, in second
    |     raise KeyError(1)
    | KeyError: 1
    +------------------------------------
`,
			want:    []string{"ExceptionGroup|two failed (2 sub-exceptions)|main.run", "ValueError|bad|main.first"},
			culprit: "main.first",
		},
		{
			name: "node, uncaught, with a cause", language: LanguageV8,
			text: `/app/orders.js:12
    throw new OrderError('x')
    ^

OrderError [ERR_ORDER]: order 42 failed
    at Orders.charge (/app/dist/orders.js:12:11)
    at async Object.<anonymous> (file:///app/index.mjs:3:1)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5) {
  code: 'ERR_ORDER',
  [cause]: TypeError: fetch failed
      at node:internal/deps/undici/undici:12618:11
      at async send (/app/node_modules/got/index.js:1:2)
      at async Gateway.post [as call] (/app/gateway.ts:9:7) {
    [cause]: Error: connect ECONNREFUSED 127.0.0.1:9
        at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16)
  }
}
`,
			want: []string{
				"OrderError|order 42 failed|orders.Orders.charge", "TypeError|fetch failed|undici",
				"Error|connect ECONNREFUSED 127.0.0.1:9|node:net.TCPConnectWrap.afterConnect",
			},
			culprit: "gateway.Gateway.post",
		},
		{
			name: "go, recovered panic", language: LanguageGo,
			text: `goroutine 21 [running]:
runtime/debug.Stack()
	/usr/local/go/src/runtime/debug/stack.go:26 +0x5e
example.com/shop/worker.Run.func1()
	/src/worker/run.go:10 +0x2c
panic({0x4a8b00?, 0xc0000140a8?})
	/usr/local/go/src/runtime/panic.go:792 +0x132
example.com/shop/orders.(*Cart[...]).Total(...)
	/src/orders/cart.go:33
example.com/shop/worker.Run.func2.1(0xc0000140a8)
	/src/worker/run.go:20 +0x1d
created by example.com/shop/worker.Run in goroutine 1
	/src/worker/run.go:18 +0x66
`,
			want:    []string{"||example.com/shop/orders.(*Cart).Total"},
			culprit: "example.com/shop/orders.(*Cart).Total",
		},
		{
			name: "go, panic that ended the program", language: LanguageGo,
			text: "panic: runtime error: index out of range [5] with length 3 [recovered]\n\tpanic: again\n\ngoroutine 1 [running]:\n" +
				"main.main.func1()\n\t/src/main.go:9 +0x1\npanic({0x1, 0x2})\n\t/usr/local/go/src/runtime/panic.go:792 +0x132\n" +
				"main.pick(...)\n\t/src/main.go:5\nmain.main()\n\t/src/main.go:12 +0x1d\nexit status 2\n",
			want:    []string{"|runtime error: index out of range [5] with length 3|main.pick"},
			culprit: "main.pick",
		},
		{
			name: "go, errors with stacks", language: LanguageGo,
			text: "connection refused\nmain.dial\n\t/src/main.go:12\nruntime.main\n\t/usr/local/go/src/runtime/proc.go:283\ncharge card\n" +
				"main.charge\n\t/src/main.go:20",
			want:    []string{"|charge card|main.charge", "|connection refused|main.dial"},
			culprit: "main.dial",
		},
		{
			name: "ruby, cause", language: LanguageRuby,
			text: "/app/orders.rb:9:in `rescue in charge': payment failed (PaymentError)\n\tfrom /app/orders.rb:5:in `charge'\n" +
				"/usr/lib/ruby/3.1.0/net/http.rb:987:in `initialize': Connection refused - connect(2) (Errno::ECONNREFUSED)\n" +
				"\tfrom /app/gateway.rb:3:in `block (2 levels) in post'\n",
			want: []string{
				"PaymentError|payment failed|orders.charge",
				"Errno::ECONNREFUSED|Connection refused - connect(2)|http.initialize",
			},
			culprit: "gateway.post",
		},
		{
			name: "php, previous exception", language: LanguagePHP,
			text: "PHP Fatal error:  Uncaught PDOException: gone away in /app/src/Repo.php:12\nStack trace:\n" +
				"#0 /app/src/Repo.php(12): PDO->query('x')\n#1 /app/src/Orders.php(30): Acme\\Repo->save(42)\n#2 {main}\n\n" +
				"Next Acme\\OrderFailed: order 42 in /app/src/Orders.php:33\nStack trace:\n#0 /app/main.php(3): Acme\\Orders->place(42)\n#1 {main}\n",
			want:    []string{"Acme\\OrderFailed|order 42|Acme\\Orders.place", "PDOException|gone away|PDO.query"},
			culprit: "Acme\\Repo.save",
		},
		{
			name: "go, as OpenTelemetry records an error", language: LanguageGo,
			text: "goroutine 7 [running]:\ngo.opentelemetry.io/otel/sdk/trace.recordStackTrace()\n\t/home/build/go/pkg/mod/go.opentelemetry.io/otel/sdk@v1.38.0/trace/span.go:624 +0x4a\n" +
				"go.opentelemetry.io/otel/sdk/trace.(*recordingSpan).RecordError(0xc0001, {0x9d, 0xc1}, {0x0, 0x0, 0x0})\n\t/home/build/go/pkg/mod/go.opentelemetry.io/otel/sdk@v1.38.0/trace/span.go:480 +0x2f\n" +
				"example.com/shop/orders.(*Worker).handle(0xc0001, {0x9d, 0xc1})\n\t/src/orders/worker.go:33 +0x1d\n",
			want:    []string{"||go.opentelemetry.io/otel/sdk/trace.recordStackTrace"},
			culprit: "example.com/shop/orders.(*Worker).handle",
		},
		{
			name: "go, as zap records a stack", language: LanguageGo,
			text:    "example.com/shop/orders.charge\n\t/src/orders/charge.go:12\nmain.main\n\t/src/main.go:20\nruntime.main\n\t/usr/local/go/src/runtime/proc.go:283",
			want:    []string{"||example.com/shop/orders.charge"},
			culprit: "example.com/shop/orders.charge",
		},
		{
			name: "php, as OpenTelemetry records an exception", language: LanguageJVM,
			text:    "Acme\\Declined: card 42\n\tat Acme.Gateway.charge(Gateway.php:12)\n\tat {main}(index.php:3)\nCaused by: PDOException: gone away\n\tat PDO.query(Native Method)\n\tat Acme.Repo.save(Repo.php:9)\n",
			want:    []string{"Acme\\Declined|card 42|Acme.Gateway.charge", "PDOException|gone away|PDO.query"},
			culprit: "Acme.Repo.save",
		},
		{
			name: "scala, futures", language: LanguageJVM,
			text: "com.acme.Declined: card 42\n\tat com.acme.Gateway$.$anonfun$charge$2(Gateway.scala:14)\n\tat scala.concurrent.Future.$anonfun$map$1(Future.scala:467)\n" +
				"\tat java.base/java.lang.Thread.run(Thread.java:840)\n",
			want:    []string{"com.acme.Declined|card 42|com.acme.Gateway.charge"},
			culprit: "com.acme.Gateway.charge",
		},
		{
			name: "mono", language: LanguageDotNet,
			text: "System.InvalidOperationException: order 42\n  at Acme.Orders.Place (System.String id, System.Int32 cents) [0x0001a] in <f3c6e7e0d4>:0 \n" +
				"  at Acme.Program.Main (System.String[] args) [0x00000] in /src/Program.cs:12 \n",
			want:    []string{"System.InvalidOperationException|order 42|Acme.Orders.Place"},
			culprit: "Acme.Orders.Place",
		},
		{name: "no stack", text: "at first nothing happened (really)\nthen it failed: 12\n", language: LanguageUnknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			trace := Parse(c.text)
			require.Equal(t, c.language.String(), trace.Language.String())
			require.Equal(t, c.want, chain(trace))
			culprit, _ := trace.Culprit(Rules{})
			require.Equal(t, c.culprit, culprit)
		})
	}
}
