package examples

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
)

// noFields are names in the tables that are no settings of the version that the examples
// require: a function, and settings of later versions.
var noFields = []string{"NewWithPartitioningMarshaler", "DoNotWaitForTopicCreation", "WaitForTopicCreationTimeout", "Metadata.SingleFlight"}

// The settings of Kafka's Pub/Sub and of sarama that docs/migrating.md has in its tables are
// there, and the tables have all there are. Those of other clients are checked in the root and in the module benchmarks.
func TestMigratingNamesKafka(t *testing.T) {
	page, err := os.ReadFile("../docs/migrating.md")
	if err != nil {
		t.Fatal(err)
	}
	for heading, of := range map[string]reflect.Type{
		"| `kafka.PublisherConfig` | here |":  reflect.TypeFor[kafka.PublisherConfig](),
		"| `kafka.SubscriberConfig` | here |": reflect.TypeFor[kafka.SubscriberConfig](),
		"| `sarama.Config` | here |":          reflect.TypeFor[sarama.Config](),
	} {
		_, table, ok := strings.Cut(string(page), heading+"\n|---|---|\n")
		if !ok {
			t.Fatalf("no table %q", heading)
		}
		table, _, _ = strings.Cut(table, "\n\n")
		var named []string
		for row := range strings.Lines(table) {
			left, _, _ := strings.Cut(row[1:], " | ")
			for _, m := range regexp.MustCompile("`([A-Z][\\w.]*)`").FindAllStringSubmatch(left, -1) {
				named = append(named, m[1])
				if !slices.Contains(noFields, m[1]) && !hasField(of, strings.Split(m[1], ".")) {
					t.Errorf("%v has no %s", of, m[1])
				}
			}
		}
		requireAllNamed(t, of, "", named)
	}
	// The functions in the tables, one of which is in a table of settings.
	_ = []any{
		kafka.NewWithPartitioningMarshaler, kafka.MessagePartitionFromCtx, kafka.MessagePartitionOffsetFromCtx,
		kafka.MessageTimestampFromCtx, kafka.MessageKeyFromCtx,
	}
}

// requireAllNamed requires that each field of a struct is named by its path, or by that of a
// struct which it is in.
func requireAllNamed(t *testing.T, of reflect.Type, path string, named []string) {
	t.Helper()
	for _, field := range reflect.VisibleFields(of) {
		name := path + field.Name
		switch {
		case slices.Contains(named, name):
		case field.Type.Kind() == reflect.Struct && field.Type.Name() == "":
			requireAllNamed(t, field.Type, name+".", named)
		default:
			t.Errorf("the table has no row for %s", name)
		}
	}
}

// hasField reports whether a struct has a field of that path.
func hasField(of reflect.Type, path []string) bool {
	for _, name := range path {
		if of.Kind() != reflect.Struct {
			return false
		}
		field, ok := of.FieldByName(name)
		if !ok {
			return false
		}
		of = field.Type
	}
	return true
}
