package cause

import (
	"strings"
	"unicode/utf8"
)

// Attribute is what operations are compared by.
type Attribute uint8

// The attributes. Of two that the counts cannot tell apart, the one listed first is named first: a version that runs on a single
// instance is the likelier cause.
const (
	// AttributeVersion is service.version.
	AttributeVersion Attribute = iota
	// AttributePartition is messaging.destination.partition.id.
	AttributePartition
	// AttributeInstance is service.instance.id, or what stands in for that.
	AttributeInstance
	// AttributeZone is cloud.availability_zone, AttributeRegion cloud.region.
	AttributeZone
	AttributeRegion
	// AttributeGroup is the consumer group of an earlier hop.
	AttributeGroup
	// AttributeService is service.name.
	AttributeService

	attributeCount = int(AttributeService) + 1
)

var attributeNames = [attributeCount]string{"version", "partition", "instance", "zone", "region", "consumer_group", "service"}

// String returns the name used in events and in the API.
func (a Attribute) String() string { return attributeNames[a] }

// ParseAttribute returns the attribute with the given name.
func ParseAttribute(name string) (Attribute, bool) {
	for i, n := range attributeNames {
		if n == name {
			return Attribute(i), true
		}
	}
	return 0, false
}

// Trait is the value that an operation has of an attribute.
type Trait struct {
	Attribute Attribute
	Value     string
}

// Resource is what is known of an instance of a service beyond its name (semantic conventions 1.44: service.version,
// cloud.region, cloud.availability_zone), "" where nothing is.
type Resource struct{ Version, Region, Zone string }

// Resources tells what is known of an instance of a service.
type Resources func(service, instance string) Resource

// Side is the side of a destination that a place is on.
type Side uint8

// The sides.
const (
	// SideMessage is the message itself and who sent it.
	SideMessage Side = iota
	// SideConsumer is one consumer group.
	SideConsumer
)

var sideNames = [...]string{"message", "consumer"}

// String returns the name used in events and in the API.
func (s Side) String() string { return sideNames[s] }

// ParseSide returns the side with the given name.
func ParseSide(name string) (Side, bool) {
	for i, n := range sideNames {
		if n == name {
			return Side(i), true
		}
	}
	return 0, false
}

// Place is a place on the way of operations of one name, at which they are compared. Group is "" on the side of the message.
type Place struct {
	Namespace, Operation string
	Side                 Side
	Destination, Group   string
}

// maxValue bounds the values that are kept, in bytes.
const maxValue = 256

// clip returns what is kept of a value. It may share memory with it.
func clip(value string) string {
	if len(value) > maxValue {
		cut := maxValue
		for cut > 0 && !utf8.RuneStart(value[cut]) {
			cut--
		}
		value = value[:cut]
	}
	return strings.ToValidUTF8(value, "\uFFFD")
}
