package plan

import "fmt"

// The messaging systems that the workflows use, by their names in the semantic conventions.
const (
	SystemKafka    = "kafka"
	SystemRabbitMQ = "rabbitmq"
)

// MaxHops is the largest number of hops an operation can have.
const MaxHops = 16

// Workflow is one kind of operation: the service that accepts the request and the stages its messages pass.
type Workflow struct {
	// Name is the name of its operations, Noun what a request asks for, Prefix the beginning of the correlation IDs.
	Name, Noun, Prefix string
	// EntryService accepts `POST Route` and sends the first message.
	EntryService, Route string
	// EntrySteps are what the entry service does before it sends.
	EntrySteps [2]Step
	// Stages has one element for each hop.
	Stages []Stage
	// weight is the workflow's share of the operations.
	weight int
}

// Stage is one hop: a destination and the service that consumes from it.
type Stage struct {
	System, Destination, Service, Group string
	// Receives says that the consumer's instrumentation emits a receive span before the process span.
	Receives bool
	Steps    [2]Step
	Failure  Failure
	// DeadLetters says that the destination is the dead-letter queue of another stage. Nobody consumes from it.
	DeadLetters bool
	// Further are the other consumer groups of the destination: their services, groups and steps.
	Further []Stage
}

// DeadLetterQueue returns the stage to which messages go that the stage's service gives up on.
func (s *Stage) DeadLetterQueue() *Stage {
	return &Stage{System: s.System, Destination: s.Destination + ".dlq", DeadLetters: true}
}

// StepKind says what a step of a handler is, and so which span it gets.
type StepKind uint8

// The kinds of steps.
const (
	// StepCompute is work within the process: an INTERNAL span.
	StepCompute StepKind = iota
	// StepDatabase is a statement to a PostgreSQL database: a CLIENT span.
	StepDatabase
	// StepHTTP is a request to another service: a CLIENT span.
	StepHTTP
)

// Step is one piece of a handler's work. Target is the table of a StepDatabase and the host of a StepHTTP.
type Step struct {
	Kind         StepKind
	Name, Target string
}

// Failure is the exception with which a stage's handler fails. Message holds one %d, because real messages vary from
// occurrence to occurrence and whoever groups them has to cope with it.
type Failure struct {
	Type, Message, Stack string
}

func compute(name string) Step         { return Step{StepCompute, name, ""} }
func insert(table string) Step         { return Step{StepDatabase, "INSERT", table} }
func update(table string) Step         { return Step{StepDatabase, "UPDATE", table} }
func post(host string) Step            { return Step{StepHTTP, "POST", host} }
func read(table string) Step           { return Step{StepDatabase, "SELECT", table} }
func steps(first, second Step) [2]Step { return [2]Step{first, second} }

// failure makes a failure whose stack names the given source file of the service as its innermost frame.
func failure(kind, message, file string, line int) Failure {
	stack := fmt.Sprintf("%s\n\tat %s:%d\n\tat worker/dispatch.go:88\n\tat worker/main.go:31", kind, file, line)
	return Failure{Type: kind, Message: message, Stack: stack}
}

// workflows returns the built-in workflows with the given number of hops each.
func workflows(hops int) []Workflow {
	all := []Workflow{orderFulfilment(), refund(), signup()}
	for i := range all {
		all[i].Stages = withStages(all[i].Name, all[i].Stages, hops)
	}
	return append(all, priceChange(), report())
}

// fanout and periodic are the places of the workflows with several consumer groups, and of the one that runs by the clock.
const fanout, periodic = 3, 4

// withStages cuts the named stages to the number of hops, or adds further ones that follow the same pattern.
func withStages(workflow string, named []Stage, hops int) []Stage {
	stages := append([]Stage(nil), named[:min(hops, len(named))]...)
	for number := len(stages) + 1; number <= hops; number++ {
		name := fmt.Sprintf("%s-step-%d", workflow, number)
		stages = append(stages, Stage{
			System: named[0].System, Destination: name, Service: name + "-worker", Group: name + "-workers",
			Receives: number%3 == 0, Steps: steps(compute("apply step"), update("progress")),
			Failure: failure("StepError", "step cannot be applied to version %d", name+"/apply.go", 40+number),
		})
	}
	return stages
}

func orderFulfilment() Workflow {
	return Workflow{
		Name: "order-fulfilment", Noun: "order", Prefix: "ord", weight: 5,
		EntryService: "order-api", Route: "/orders", EntrySteps: steps(compute("validate order"), insert("orders")),
		Stages: []Stage{{
			System: SystemKafka, Destination: "orders", Service: "payment-worker", Group: "payments",
			Steps:   steps(post("psp.example.com"), insert("payments")),
			Failure: failure("PaymentDeclinedError", "card declined: issuer answered code %d", "payment/charge.go", 112),
		}, {
			System: SystemKafka, Destination: "payments", Service: "shipping-worker", Group: "shipping", Receives: true,
			Steps:   steps(compute("pack parcel"), post("carrier.example.com")),
			Failure: failure("CarrierTimeoutError", "carrier did not answer within %d ms", "shipping/label.go", 57),
		}, {
			System: SystemRabbitMQ, Destination: "shipments", Service: "notify-worker", Group: "notifications",
			Steps:   steps(compute("render message"), post("mail.example.com")),
			Failure: failure("MailboxUnavailableError", "550 mailbox unavailable (queue id %d)", "notify/smtp.go", 203),
		}, {
			System: SystemKafka, Destination: "deliveries", Service: "delivery-worker", Group: "deliveries",
			Steps:   steps(read("routes"), update("deliveries")),
			Failure: failure("RouteNotFoundError", "no route to depot %d", "delivery/route.go", 19),
		}},
	}
}

// priceChange has one message that every group consumes, however many hops other operations have.
func priceChange() Workflow {
	return Workflow{
		Name: "price-change", Noun: "price", Prefix: "prc",
		EntryService: "price-api", Route: "/prices", EntrySteps: steps(compute("check margin"), update("prices")),
		Stages: []Stage{{
			System: SystemKafka, Destination: "price-changes", Service: "search-indexer", Group: "search",
			Steps:   steps(read("prices"), post("search.example.com")),
			Failure: failure("IndexLockedError", "index is locked by writer %d", "search/index.go", 81),
			Further: []Stage{
				{Service: "cache-warmer", Group: "cache", Steps: steps(read("prices"), compute("warm cache"))},
				{Service: "price-auditor", Group: "audit", Steps: steps(compute("compare"), insert("price_audit"))},
			},
		}},
	}
}

// report is what runs by the clock.
func report() Workflow {
	return Workflow{
		Name: "nightly-report", Noun: "report", Prefix: "rep",
		EntryService: "scheduler", Route: "/reports", EntrySteps: steps(read("schedules"), insert("reports")),
		Stages: []Stage{{
			System: SystemRabbitMQ, Destination: "report-jobs", Service: "report-worker", Group: "reports",
			Steps:   steps(read("sales"), compute("render report")),
			Failure: failure("ReportError", "no sales in region %d", "report/render.go", 12),
		}},
	}
}

func refund() Workflow {
	return Workflow{
		Name: "refund", Noun: "refund", Prefix: "ref", weight: 3,
		EntryService: "refund-api", Route: "/refunds", EntrySteps: steps(read("payments"), insert("refunds")),
		Stages: []Stage{{
			System: SystemRabbitMQ, Destination: "refunds", Service: "refund-worker", Group: "refund-workers", Receives: true,
			Steps:   steps(compute("check limits"), post("psp.example.com")),
			Failure: failure("RefundRejectedError", "transaction %d is already settled", "refund/reverse.go", 74),
		}, {
			System: SystemRabbitMQ, Destination: "ledger-entries", Service: "ledger-worker", Group: "ledger",
			Steps:   steps(insert("ledger"), update("balances")),
			Failure: failure("SerializationError", "could not serialize access: process %d", "ledger/book.go", 131),
		}, {
			System: SystemRabbitMQ, Destination: "receipts", Service: "receipt-worker", Group: "receipts",
			Steps:   steps(compute("render receipt"), post("mail.example.com")),
			Failure: failure("TemplateError", "template field %d is missing", "receipt/render.go", 66),
		}},
	}
}

func signup() Workflow {
	return Workflow{
		Name: "signup", Noun: "account", Prefix: "sgn", weight: 2,
		EntryService: "signup-api", Route: "/accounts", EntrySteps: steps(compute("check password"), insert("accounts")),
		Stages: []Stage{{
			System: SystemKafka, Destination: "signups", Service: "account-worker", Group: "accounts",
			Steps:   steps(read("invitations"), update("accounts")),
			Failure: failure("InvitationExpiredError", "invitation %d has expired", "account/invite.go", 48),
		}, {
			System: SystemRabbitMQ, Destination: "welcome-mails", Service: "mail-worker", Group: "mails",
			Steps:   steps(compute("render mail"), post("mail.example.com")),
			Failure: failure("RateLimitedError", "too many requests: retry after %d s", "mail/send.go", 90),
		}, {
			System: SystemKafka, Destination: "crm-updates", Service: "crm-worker", Group: "crm", Receives: true,
			Steps:   steps(read("accounts"), post("crm.example.com")),
			Failure: failure("CrmConflictError", "contact %d was changed by someone else", "crm/sync.go", 155),
		}},
	}
}
