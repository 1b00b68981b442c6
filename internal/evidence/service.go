package evidence

import "go.opentelemetry.io/collector/pdata/pcommon"

// ServiceOf returns the names by which facts know who speaks: service.name, and service.instance.id or what stands in for that.
func ServiceOf(resource pcommon.Map) (service, instance string) {
	text := func(of field) string {
		v, ok := resource.Get(names[of][0])
		if !ok {
			return ""
		}
		s, _ := textOf(v)
		return shorten(s, maxName)
	}
	return text(fieldService), instanceOf(text(fieldInstance), text(fieldHost), text(fieldPID))
}

// instanceOf returns the name of an instance: its own, else its host and process.
func instanceOf(instance, host, pid string) string {
	if instance == "" && pid != "" {
		return host + "/" + pid
	}
	if instance == "" {
		return host
	}
	return instance
}
