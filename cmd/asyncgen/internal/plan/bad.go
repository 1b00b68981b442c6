package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// MaxInstances is the largest number of processes a service can have.
const MaxInstances = 64

// BadAttribute is what the operations have in common that a [Bad] lets fail.
type BadAttribute uint8

// The attributes.
const (
	// BadNone: nothing is bad.
	BadNone BadAttribute = iota
	// BadInstance is service.instance.id, BadVersion service.version, BadPartition messaging.destination.partition.id.
	BadInstance
	BadVersion
	BadPartition
)

var badAttributeNames = [...]string{"", "instance", "version", "partition"}

// String returns the name used by the --bad flag, in the truth and in hints.
func (a BadAttribute) String() string { return badAttributeNames[a] }

// Bad makes operations fail that come by one process, one version or one partition.
type Bad struct {
	Attribute BadAttribute
	// Of is the service of an instance or a version, the destination of a partition.
	Of string
	// Number is that of the instance or the partition, Version the one that is bad.
	Number  int
	Version string
	// Share is how many of the operations fail that come by it, from 0 to 1. From is the number of the first operation after it is there.
	Share float64
	From  int
}

// ParseBad reads "instance=payment-worker:2", "version=payment-worker:1.5.0" or "partition=payments:3".
func ParseBad(text string) (Bad, error) {
	name, rest, _ := strings.Cut(text, "=")
	of, value, found := strings.Cut(rest, ":")
	attribute := slices.Index(badAttributeNames[:], name)
	if attribute <= 0 || !found || of == "" || value == "" {
		return Bad{}, fmt.Errorf("want instance=service:number, version=service:version or partition=destination:number")
	}
	b := Bad{Attribute: BadAttribute(attribute), Of: of}
	if b.Attribute == BadVersion {
		b.Version = value
		return b, nil
	}
	most := MaxInstances
	if b.Attribute == BadPartition {
		most = Partitions
	}
	number, err := strconv.Atoi(value)
	if err != nil || number < 0 || number >= most {
		return Bad{}, fmt.Errorf("want a number from 0 to %d behind the colon", most-1)
	}
	b.Number = number
	return b, nil
}

// Process is one process of a service.
type Process struct {
	Service string
	// Number counts the service's processes from 0, Version is "" for the usual one.
	Number  int
	Version string
}

// Voice is the name by which the process's tracer and logger are asked for: that of the service for its first process.
func (p Process) Voice() string {
	if p.Number == 0 && p.Version == "" {
		return p.Service
	}
	return p.Service + "\x00" + strconv.Itoa(p.Number) + "\x00" + p.Version
}

// Processes returns all processes that take part.
func (p *Plan) Processes() []Process {
	var all []Process
	for _, service := range p.Services() {
		for number := range p.instances() {
			all = append(all, Process{Service: service, Number: number})
			if p.deployed(service, number) {
				all = append(all, Process{Service: service, Number: number, Version: p.settings.Bad.Version})
			}
		}
	}
	return all
}

func (p *Plan) instances() int { return max(1, p.settings.Instances) }

// deployed reports whether the process runs the bad version once it is there: a third of the service's processes do.
func (p *Plan) deployed(service string, number int) bool {
	b := &p.settings.Bad
	return b.Attribute == BadVersion && service == b.Of && number < max(1, p.instances()/3)
}

// process draws who does a piece of work.
func (p *Plan) process(random *rand.Rand, service string, index int) Process {
	process := Process{Service: service, Number: random.IntN(p.instances())}
	if p.deployed(service, process.Number) && index >= p.settings.Bad.From {
		process.Version = p.settings.Bad.Version
	}
	return process
}

// place draws the processes that deal with a message, and lets the message fail if it comes by what is bad. It reports whether it does.
func (p *Plan) place(random *rand.Rand, hop *Hop, index int, fails bool) bool {
	for i := range hop.Attempts {
		hop.Attempts[i].Process = p.process(random, hop.Stage.Service, index)
	}
	for i := range hop.Further {
		for k := range hop.Further[i].Attempts {
			hop.Further[i].Attempts[k].Process = p.process(random, hop.Further[i].Stage.Service, index)
		}
	}
	if !fails || len(hop.Attempts) == 0 || !p.bad(hop, index) || random.Float64() >= p.settings.Bad.Share {
		return false
	}
	hop.Attempts[0].Outcome = OutcomeFails
	return true
}

// bad reports whether the message comes by what is bad.
func (p *Plan) bad(hop *Hop, index int) bool {
	b, process := &p.settings.Bad, hop.Attempts[0].Process
	if index < b.From {
		return false
	}
	switch b.Attribute {
	case BadInstance:
		return process.Service == b.Of && process.Number == b.Number
	case BadVersion:
		return process.Service == b.Of && process.Version == b.Version
	case BadPartition:
		return hop.Stage.Destination == b.Of && hop.Stage.System == SystemKafka && hop.Partition == b.Number
	default:
		return false
	}
}
