// Command orders fails in many ways, each with other values for each seed, and writes what an instrumentation would record.
package main

import (
	"encoding/json"
	stderrors "errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime/debug"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/pkg/errors"
)

type record struct {
	Cause   string `json:"cause"`
	Type    string `json:"type"`
	Message string `json:"message"`
	Stack   string `json:"stack,omitempty"`
}

var r *rand.Rand

func one(words ...string) string { return words[r.IntN(len(words))] }
func id() int                    { return 1000 + r.IntN(900000) }
func name() string {
	return one("Alice Smith", "Bob", "Chandra Nath Rao", "Dörte Müller", "Eve", "O'Neill")
}
func tenant() string { return one("acme", "globex", "initech", "umbrella", "hooli") }
func hexID() string  { return fmt.Sprintf("%016x", r.Uint64()) }

func emit(cause string, err error, stack string) {
	_ = json.NewEncoder(os.Stdout).Encode(record{cause, fmt.Sprintf("%T", err), err.Error(), stack})
}

// guard is the middleware that recovers.
func guard(cause string, work func()) {
	defer func() {
		if p := recover(); p != nil {
			_ = json.NewEncoder(os.Stdout).Encode(record{cause, fmt.Sprintf("%T", p), fmt.Sprint(p), string(debug.Stack())})
		}
	}()
	work()
}

//PAD

type cart struct {
	lines []line
	owner *customer
}
type line struct{ cents int }
type customer struct{ email string }

func (c *cart) contact() string { return c.owner.email }

// PAD
func (c *cart) pick(i int) line { return c.lines[i] }

type ledger struct{ accounts map[string]int }

func (l *ledger) post(account string) { l.accounts[account]++ }

// PAD
func decode(v any) string { return v.(string) }

func byPrice(lines []line) {
	sort.Slice(lines, func(i, j int) bool {
		if lines[i].cents == lines[j].cents {
			panic(fmt.Sprintf("duplicate price %d in basket %s", lines[i].cents, hexID()))
		}
		return lines[i].cents < lines[j].cents
	})
}

func refused() error {
	client := http.Client{Timeout: time.Second}
	resp, err := client.Get(fmt.Sprintf("http://127.0.0.1:%d/stock/%d", 1+r.IntN(8), id()))
	if err == nil {
		resp.Body.Close()
	}
	return err
}

// PAD
func reserve() error { return errors.Wrapf(refused(), "reserve stock for order %d", id()) }

func readTerms() error {
	_, err := os.ReadFile(fmt.Sprintf("/nonexistent/%s/terms-%d.json", tenant(), id()))
	return errors.WithStack(err)
}

func place(cause func() error) error {
	return errors.Wrapf(cause(), "order %d of %s failed", id(), name())
}

var errDeclined = stderrors.New("card declined")

func charge() error {
	if r.IntN(9) >= 0 {
		return errors.Wrapf(errDeclined, "charge %d.%02d EUR", r.IntN(500), r.IntN(100))
	}
	return nil
}

// PAD
func limits() error {
	return errors.Errorf("customer %s is over the limit of %d by %d.%02d", name(), 100*r.IntN(50), r.IntN(500), r.IntN(100))
}

func blocked() error {
	return errors.Errorf("account %s was blocked at %s by fraud check", hexID(), time.Unix(1.7e9+int64(r.IntN(1e8)), 0).UTC().Format(time.RFC3339))
}

func check(n int) error {
	if n == 0 {
		return errors.Errorf("no delivery address for order %d", id())
	}
	return errors.Errorf("payment method of order %d has expired", id())
}

func number() error {
	_, err := strconv.Atoi(one("12x", "", "seven", "9,1", "0b"))
	return err
}

func unmarshal() error {
	var order struct {
		Amount int `json:"amount"`
	}
	return json.Unmarshal([]byte(`{"amount": "x"}`), &order)
}

func main() {
	seed, _ := strconv.ParseUint(os.Args[1], 10, 64)
	r = rand.New(rand.NewPCG(seed, 7))
	guard("go/nil-customer", func() { (&cart{}).contact() })
	guard("go/line-out-of-range", func() { (&cart{lines: make([]line, r.IntN(5))}).pick(5 + r.IntN(90)) })
	guard("go/nil-ledger", func() { new(ledger).post(tenant()) })
	guard("go/not-a-string", func() { decode([]any{1, 2.5, true, nil}[r.IntN(3)]) })
	var wg sync.WaitGroup
	wg.Go(func() { guard("go/same-price", func() { byPrice([]line{{7}, {7}}) }) })
	wg.Wait()
	traced := func(cause string, err error) { emit(cause, err, fmt.Sprintf("%+v", err)) }
	traced("go/stock-refused", reserve())
	if r.IntN(2) == 0 {
		traced("go/terms-missing", readTerms())
	} else {
		traced("go/terms-missing", place(readTerms))
	}
	traced("go/card-declined", place(charge))
	traced("go/over-limit", place(limits))
	traced("go/account-blocked", place(blocked))
	traced("go/no-address", check(0))
	traced("go/payment-expired", check(1))
	emit("go/not-a-number", number(), "")
	emit("go/amount-is-text", unmarshal(), "")
	emit("go/inventory-refused", refused(), "")
	emit("go/no-subscription", fmt.Errorf("tenant %s has no active subscription", tenant()), "")
	emit("go/no-stock", fmt.Errorf("order %d: no stock of SKU-%s%d in warehouse %s", id(), one("AB", "ZX", "Q"), r.IntN(99), one("berlin", "north-2", "HAM3")), "")
	emit("go/greeting", fmt.Errorf("handshake with broker %d.%d.%d.%d:9092 took %s: giving up", r.IntN(255), r.IntN(255), r.IntN(255), r.IntN(255), time.Duration(r.IntN(5e9))), "")
}
