package correlationprocessor

// Config is the YAML configuration of the component.
type Config struct{}
