package control

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// files are the templates of pages, and what they load.
//
//go:embed page
var files embed.FS

// pages are the paths of the page for people, and of what it loads.
func (h *Handler) pages() []route {
	get := func(answer endpoint) map[string]endpoint { return map[string]endpoint{http.MethodGet: answer} }
	return []route{
		{"/", get(h.serversPage)},
		{"/topics", get(h.topicsPage)},
		{"/topic", get(h.topicPage)},
		{"/groups", get(h.groupsPage)},
		{"/group", get(h.groupPage)},
		{"/clients", get(h.clientsPage)},
		{"/messages", get(h.messagesPage)},
		{"/message", get(h.messagePage)},
		{"/faults", get(h.faultsPage)},
		{"/page.js", get(file("page/page.js", "text/javascript; charset=utf-8"))},
		{"/style.css", get(file("page/style.css", "text/css; charset=utf-8"))},
		{"/icon.svg", get(file("page/icon.svg", "image/svg+xml"))},
		{"/favicon.ico", get(file("page/icon.svg", "image/svg+xml"))},
	}
}

func file(name, kind string) endpoint {
	return func(c *call) error {
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		c.w.Header().Set("Content-Type", kind)
		_, _ = c.w.Write(text)
		return nil
	}
}

// frame is what all pages have.
type frame struct {
	// View is the part of the menu that the page belongs to.
	View, Title string
	Version     string
	Now         time.Time // of the cluster
	At          int64     // of the process, in milliseconds: rates are measured by it
	Problem     string    // why there is nothing to see
}

func (h *Handler) frame(view, title string) frame {
	return frame{View: view, Title: title, Version: h.cluster.Version().String(), Now: h.cluster.Now(), At: time.Since(h.since).Milliseconds()}
}

// parse reads the templates of all pages, by name.
func parse() (map[string]*template.Template, error) {
	funcs := template.FuncMap{
		"clock": func(t time.Time) string { return t.Format("2006-01-02 15:04:05.000") },
		"list":  func(words []string) string { return strings.Join(words, ", ") },
		"short": short,
	}
	pages := make(map[string]*template.Template)
	for _, name := range []string{"servers", "topics", "topic", "groups", "group", "clients", "messages", "message", "faults"} {
		page, err := template.New(name).Funcs(funcs).ParseFS(files, "page/frame.html", "page/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("control: %w", err)
		}
		pages[name] = page
	}
	return pages, nil
}

// show writes a page. v embeds a frame.
func show[T any](h *Handler, c *call, status int, name string, v T) error {
	var text bytes.Buffer
	if err := h.templates[name].ExecuteTemplate(&text, "frame.html", v); err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(text.Bytes())
	return nil
}

// short is the beginning of a text, for tables.
func short(text string) string {
	const most = 160
	letters := []rune(text[:min(len(text), 4*most)])
	if len(letters) > most {
		return string(letters[:most]) + "…"
	}
	return string(letters)
}

type serversView struct {
	frame
	Cluster clusterState
}

func (h *Handler) serversPage(c *call) error {
	return show(h, c, http.StatusOK, "servers", serversView{h.frame("servers", "Servers"), h.clusterState()})
}

type topicsView struct {
	frame
	Topics []topicState
}

func (h *Handler) topicsPage(c *call) error {
	return show(h, c, http.StatusOK, "topics", topicsView{h.frame("topics", "Topics"), h.topics().Topics})
}

type topicView struct {
	frame
	Topic topicState
	// Each is how many queues the broker has that has most of them.
	Each int
}

func (h *Handler) topicPage(c *call) error {
	name := topicName(c.r.URL.Query().Get("name"))
	v := topicView{frame: h.frame("topics", "Topic "+name)}
	t, err := h.topic(name)
	if err != nil {
		v.Problem, v.Topic.Name = err.Error(), name
		return show(h, c, refusalOf(err).status, "topic", v)
	}
	v.Topic = t
	for _, q := range t.Queues {
		v.Each = max(v.Each, int(q.Queue)+1)
	}
	return show(h, c, http.StatusOK, "topic", v)
}

type groupsView struct {
	frame
	Groups []groupState
}

func (h *Handler) groupsPage(c *call) error {
	return show(h, c, http.StatusOK, "groups", groupsView{h.frame("groups", "Groups"), h.groups().Groups})
}

type groupView struct {
	frame
	Group groupState
}

func (h *Handler) groupPage(c *call) error {
	name := c.r.URL.Query().Get("name")
	v := groupView{frame: h.frame("groups", "Group "+name)}
	list := h.groups().Groups
	i := slices.IndexFunc(list, func(g groupState) bool { return g.Name == name })
	if i < 0 {
		v.Problem = "there is no such group"
		return show(h, c, http.StatusNotFound, "group", v)
	}
	v.Group = list[i]
	return show(h, c, http.StatusOK, "group", v)
}

type clientsView struct {
	frame
	Clients []clientState
}

func (h *Handler) clientsPage(c *call) error {
	return show(h, c, http.StatusOK, "clients", clientsView{h.frame("clients", "Connections"), h.clients().Clients})
}

// messagesView is a part of a queue, or what has a name.
type messagesView struct {
	frame
	Topics []topicState
	Topic  string
	// Queue is that part's queue, of those of the topic.
	Queues        []queueState
	Broker        string
	Queue, Offset int64
	Name          string // that was looked for
	Messages      []messageState
	// Earlier and Later are the offsets of the parts before and after, -1 for none.
	Earlier, Later int64
	Min, Max       int64
}

// previewed is how much of a payload a table has.
const previewed = 1024

func (h *Handler) messagesPage(c *call) error {
	query := c.r.URL.Query()
	v := messagesView{
		frame: h.frame("messages", "Messages"), Topics: h.topics().Topics, Topic: topicName(query.Get("topic")), Broker: query.Get("broker"),
		Name: strings.TrimSpace(query.Get("name")), Earlier: -1, Later: -1,
	}
	var list []embedded.Message
	status, err := http.StatusOK, error(nil)
	if v.Name != "" {
		list, err = h.findNamed(c.r.Context(), v.Name, "", maxMessagesInAnswer)
	} else {
		list, err = h.browse(c, &v)
	}
	if err != nil {
		v.Problem, status = err.Error(), refusalOf(err).status
	}
	for i := range list {
		v.Messages = append(v.Messages, newMessage(&list[i], previewed))
	}
	return show(h, c, status, "messages", v)
}

// browse finds the part of a queue that a page shows: without an offset, the newest.
func (h *Handler) browse(c *call, v *messagesView) ([]embedded.Message, error) {
	if v.Topic == "" {
		return nil, nil
	}
	t, err := h.topic(v.Topic)
	if err != nil {
		return nil, err
	}
	v.Queues = t.Queues
	if v.Broker == "" {
		v.Broker, v.Queue = fullest(t.Queues)
	}
	queue, err1 := c.number("queue", v.Queue, 0, maxQueueID)
	offset, err2 := c.number("offset", -1, 0, maxOffset)
	b, err3 := h.broker(v.Broker)
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	for _, q := range t.Queues {
		if q.Broker == v.Broker && int64(q.Queue) == queue {
			v.Min, v.Max = q.MinOffset, q.MaxOffset
		}
	}
	if offset < 0 {
		offset = v.Max - messagesInAnswer
	}
	v.Queue, v.Offset = queue, max(v.Min, offset)
	if v.Offset > v.Min {
		v.Earlier = max(v.Min, v.Offset-messagesInAnswer)
	}
	if v.Offset < v.Max-messagesInAnswer {
		v.Later = v.Offset + messagesInAnswer
	}
	list := b.MessagesAt(v.Topic, int32(queue), v.Offset, messagesInAnswer)
	if len(list) == 0 && !t.has(v.Broker, queue) {
		return nil, noQueue(v.Topic, v.Broker, queue)
	}
	return list, nil
}

// fullest is the queue that has the newest message.
func fullest(queues []queueState) (broker string, id int64) {
	var best *queueState
	for i := range queues {
		q := &queues[i]
		if best == nil || q.LastStored != nil && (best.LastStored == nil || q.LastStored.After(*best.LastStored)) {
			best = q
		}
	}
	if best == nil {
		return "", 0
	}
	return best.Broker, int64(best.Queue)
}

type messageView struct {
	frame
	Message messageState
	Topic   string
	Payload shownPayload
	// Earlier and Later are the offsets of the messages beside it, -1 for none.
	Earlier, Later int64
}

func (h *Handler) messagePage(c *call) error {
	query := c.r.URL.Query()
	v := messageView{frame: h.frame("messages", "Message"), Topic: topicName(query.Get("topic")), Earlier: -1, Later: -1}
	m, err := h.messageAt(v.Topic, query.Get("broker"), query.Get("queue"), query.Get("offset"))
	if err != nil {
		v.Problem = err.Error()
		return show(h, c, refusalOf(err).status, "message", v)
	}
	v.Message = newMessage(m, maxPayload)
	v.Payload = v.Message.Payload.shown()
	if b, err := h.broker(m.BrokerName); err == nil {
		for _, q := range b.Queues(m.Topic) {
			if q.ID == m.QueueID && m.QueueOffset > q.MinOffset {
				v.Earlier = m.QueueOffset - 1
			}
			if q.ID == m.QueueID && m.QueueOffset < q.MaxOffset-1 {
				v.Later = m.QueueOffset + 1
			}
		}
	}
	return show(h, c, http.StatusOK, "message", v)
}

type faultsView struct {
	frame
	Cluster clusterState
	Topics  []topicState
	Faults  []faultState
}

func (h *Handler) faultsPage(c *call) error {
	return show(h, c, http.StatusOK, "faults", faultsView{h.frame("faults", "Faults"), h.clusterState(), h.topics().Topics, h.faults.all()})
}
