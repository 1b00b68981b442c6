package operation

import "testing"

func TestMessagesThatComeTwiceWhereOneIsUsual(t *testing.T) {
	once := &knowing{once: "mails"}
	sentTwice := func(first, second string) []Fact {
		return []Fact{
			send(1, "mails", 1, 1.1), message(process(2, 1, "mails", "mailer", 2, 3), first),
			send(3, "mails", 4, 4.1), message(process(4, 3, "mails", "mailer", 5, 6), second),
		}
	}
	twoHops := []string{"mails: done, 1 sent | mailer: ok", "mails: done, 1 sent | mailer: ok"}
	requireRulings(t, []ruling{
		{name: "under new message IDs", facts: sentTwice("m1", "m2"), habits: once, hops: twoHops, now: 16, state: StateCompleted, flags: FlagDuplicated},
		{name: "without message IDs", facts: sentTwice("", ""), habits: once, hops: twoHops, now: 16, state: StateCompleted, flags: FlagDuplicated},
		{name: "two records of one message", facts: sentTwice("m1", "m1"), habits: once, hops: twoHops, now: 16, state: StateCompleted},
		{name: "where several are usual", facts: sentTwice("m1", "m2"), hops: twoHops, now: 16, state: StateCompleted},
		{
			name: "of another type", habits: once, now: 16, state: StateCompleted,
			facts: append(sentTwice("m1", "")[:2], typed(send(3, "mails", 4, 4.1), "receipt"), process(4, 3, "mails", "mailer", 5, 6)),
			hops:  []string{"mails: done, 1 sent | mailer: ok", "mails receipt: done, 1 sent | mailer: ok"},
		},
		{
			name: "of another type before, and this one is usual once", habits: &knowing{once: "mailsreceipt"}, now: 16, state: StateCompleted,
			facts: append(sentTwice("m1", "")[:2], typed(send(3, "mails", 4, 4.1), "receipt"), process(4, 3, "mails", "mailer", 5, 6)),
			hops:  []string{"mails: done, 1 sent | mailer: ok", "mails receipt: done, 1 sent | mailer: ok"},
		},
		{
			name: "the second is not done", facts: sentTwice("m1", "m2")[:3], habits: once, now: 16, next: 64,
			hops: []string{"mails: done, 1 sent | mailer: ok", "mails: waiting, 1 sent"},
		},
		{
			name: "the first failed", habits: once, now: 36, state: StateFailed,
			facts: append([]Fact{send(1, "mails", 1, 1.1), failed(process(2, 1, "mails", "mailer", 2, 3))}, sentTwice("m1", "m2")[2:]...),
			hops:  []string{"mails: failed, 1 sent | mailer: failed", "mails: done, 1 sent | mailer: ok"},
		},
		{
			name: "of a type that is usual once", habits: &knowing{once: "mailsreceipt"}, now: 16, state: StateCompleted, flags: FlagDuplicated,
			facts: []Fact{
				typed(send(1, "mails", 1, 1.1), "receipt"), process(2, 1, "mails", "mailer", 2, 3),
				typed(send(3, "mails", 4, 4.1), "receipt"), process(4, 3, "mails", "mailer", 5, 6),
			},
			hops: []string{"mails receipt: done, 1 sent | mailer: ok", "mails receipt: done, 1 sent | mailer: ok"},
		},
	})
}
