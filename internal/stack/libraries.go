package stack

import "strings"

// Where libraries usually are. What is missing here can be said in the configuration (Rules).
var (
	goStandard = words(`archive bufio bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt go
		hash html image index internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv strings
		structs sync syscall testing text time unicode unique unsafe vendor weak panic`)
	goLibraries = words(`go.opentelemetry.io/otel go.opentelemetry.io/contrib go.uber.org google.golang.org golang.org/x gopkg.in
		github.com/pkg/errors github.com/cockroachdb/errors github.com/go-errors/errors github.com/gin-gonic github.com/labstack
		github.com/gorilla github.com/go-chi/chi github.com/gofiber github.com/twmb/franz-go github.com/segmentio/kafka-go
		github.com/IBM/sarama github.com/Shopify/sarama github.com/confluentinc github.com/nats-io github.com/rabbitmq
		github.com/streadway/amqp github.com/redis github.com/go-redis github.com/hibiken/asynq github.com/riverqueue
		github.com/ThreeDotsLabs/watermill github.com/jackc github.com/lib/pq github.com/go-sql-driver gorm.io github.com/aws
		github.com/hashicorp github.com/stretchr/testify go.temporal.io cloud.google.com/go k8s.io sigs.k8s.io`)
	jvmLibraries = words(`java javax jdk sun com.sun jakarta kotlin kotlinx scala clojure groovy org.codehaus akka
		org.springframework org.apache org.hibernate org.jboss org.eclipse org.glassfish org.postgresql org.mariadb org.h2 org.hsqldb
		org.mockito org.junit org.slf4j org.aspectj org.quartz org.jooq org.mybatis org.bouncycastle org.conscrypt org.xerial org.mongodb
		org.redisson org.jobrunr org.elasticsearch org.opensearch org.reactivestreams org.gradle org.opentest4j
		io.netty io.grpc io.opentelemetry io.micrometer io.micronaut io.quarkus io.vertx io.reactivex io.projectreactor io.lettuce
		io.smallrye io.confluent io.nats io.undertow io.ktor io.temporal io.awspring io.github.resilience4j io.undertow
		reactor rx.internal zio cats fs2 play
		com.fasterxml com.google.common com.google.inject com.google.gson com.google.protobuf com.google.cloud com.google.api com.zaxxer
		com.mysql com.microsoft.sqlserver com.rabbitmq com.amazonaws com.azure com.github.kagkarlsson com.typesafe com.netflix
		com.squareup com.mchange com.hazelcast com.datastax com.mongodb com.ibm com.oracle com.lightbend com.intellij okhttp3 okio
		retrofit2 redis.clients software.amazon ch.qos net.bytebuddy net.sf feign brave dev.failsafe oracle.jdbc oracle.net`)
	dotNetLibraries = words(`System Microsoft Windows Mono Newtonsoft MassTransit NServiceBus Rebus Wolverine JasperFx Hangfire Quartz Npgsql
		MySql MySqlConnector Oracle Dapper StackExchange RabbitMQ Confluent EasyNetQ Azure Amazon Google Grpc MongoDB Polly MediatR
		AutoMapper FluentValidation Serilog NLog OpenTelemetry Castle Autofac Marten Orleans Elasticsearch Nest Castle xunit Xunit NUnit
		Refit RestSharp Temporalio Dapr interop Interop`)
	pythonLibraries = []string{
		"/site-packages/", "/dist-packages/", "\\site-packages\\", "\\lib\\asyncio\\", "\\Lib\\", ".zip/", "/.pyenv/versions/",
	}
	rubyLibraries = []string{"/gems/", "/lib/ruby/", "/rubygems/", "/bundler/", "/vendor/bundle/", "<internal:"}
	phpLibraries  = []string{"/vendor/", "/pear/", "/usr/share/php/", "phar://"}
	nodeFiles     = words(`events.js net.js fs.js timers.js vm.js stream.js _http_client.js _http_server.js _stream_readable.js _stream_writable.js
		domain.js dns.js tls.js _tls_wrap.js zlib.js buffer.js url.js util.js assert.js child_process.js module.js bootstrap_node.js`)
)

func words(list string) map[string]struct{} {
	set := make(map[string]struct{}, 64)
	for word := range strings.FieldsSeq(list) {
		set[word] = struct{}{}
	}
	return set
}
