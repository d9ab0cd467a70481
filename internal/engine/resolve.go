package engine

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/channel"
	"github.com/parley-im/parley/internal/store"
	"github.com/parley-im/parley/internal/transcode"
)

// Omni templates are resolved when a message is accepted, once for each channel
// it may go to, and what came of it is stored with the message. So whatever
// becomes of the template, the message says what it said when it was accepted:
// on every attempt, and when the contact taps a choice of it days later.

// maxReferences is how many templates may refer to one another.
const maxReferences = 5

// resolve returns what a message says on the channels where it refers to an
// omni template, or why it says nothing there.
func (e *Engine) resolve(ctx context.Context, projectID string, m *parley.AppMessage, targets []parley.ChannelIdentity) (map[parley.Channel]*store.Resolved, error) {
	if !mayRefer(m) {
		return nil, nil
	}
	out := map[parley.Channel]*store.Resolved{}
	for _, to := range targets {
		resolved, err := e.resolveOn(ctx, projectID, m, to.Channel)
		if refusal, ok := errors.AsType[*channel.Error](err); ok {
			out[to.Channel] = &store.Resolved{Reason: &refusal.Reason}
			continue
		}
		if err != nil {
			return nil, err
		}
		if resolved != m {
			out[to.Channel] = &store.Resolved{Message: resolved}
		}
	}
	return out, nil
}

// mayRefer reports whether a message has a place for references to templates.
// Most have not, and cost nothing.
func mayRefer(m *parley.AppMessage) bool { return m.Template != nil || len(m.ExplicitChannelOmni) > 0 }

// resolveOn returns a message without references to omni templates that says
// what m says on a channel: m itself where it has none. A *channel.Error says
// what is missing.
func (e *Engine) resolveOn(ctx context.Context, projectID string, m *parley.AppMessage, ch parley.Channel) (*parley.AppMessage, error) {
	if !mayRefer(m) {
		return m, nil
	}
	on := transcode.Select(m, ch)
	if omniReference(on) == nil {
		return m, nil
	}
	for n := 0; ; n++ {
		ref := omniReference(on)
		if ref == nil {
			break
		}
		if n == maxReferences {
			return nil, channel.Refuse(parley.ReasonBadRequest, "more than "+strconv.Itoa(n)+" templates refer to one another")
		}
		var err error
		if on, err = e.fill(ctx, projectID, ref, ch); err != nil {
			return nil, err
		}
	}
	if m.Agent != nil {
		on.Agent = m.Agent
	}
	on.ReplyTo = m.ReplyTo
	return on, nil
}

// omniReference returns the reference that a message from transcode.Select
// consists of, or nil.
func omniReference(m *parley.AppMessage) *parley.TemplateReference {
	if m.Template == nil || len(m.Template.ChannelTemplate) > 0 {
		return nil
	}
	return m.Template.OmniTemplate
}

// fill returns what a template says on a channel with the parameters of a
// reference.
func (e *Engine) fill(ctx context.Context, projectID string, ref *parley.TemplateReference, ch parley.Channel) (*parley.AppMessage, error) {
	t, err := e.dir.template(ctx, projectID, ref.TemplateID)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, channel.Refuse(parley.ReasonTemplateNotFound, "template "+strconv.Quote(ref.TemplateID)+" was not found in this project")
	}
	tr := t.Translation(ref.LanguageCode, ref.Version)
	if tr == nil {
		return nil, channel.Refuse(parley.ReasonTemplateNonExistingLanguageOrVersion, "template "+strconv.Quote(ref.TemplateID)+
			" has no version "+strconv.Quote(ref.Version)+" in language "+strconv.Quote(ref.LanguageCode))
	}
	var missing []string
	for _, v := range tr.Variables {
		if _, ok := ref.Parameters[v.Key]; !ok {
			missing = append(missing, v.Key)
		}
	}
	if len(missing) > 0 {
		return nil, insufficient(missing)
	}
	if o, ok := tr.ChannelTemplateOverrides[ch]; ok && o.TemplateReference != nil {
		return native(tr, o, ref.Parameters, ch)
	}
	filled, missing, err := transcode.Select(tr.Message(), ch).Fill(ref.Parameters)
	if len(missing) > 0 {
		return nil, insufficient(missing)
	}
	if err == nil {
		err = filled.Validate() // a value may not be what its place needs, such as an address
	}
	if err != nil {
		return nil, channel.Refuse(parley.ReasonBadRequest, "the filled in template is no message: "+err.Error())
	}
	return filled, nil
}

func insufficient(names []string) error {
	return channel.Refuse(parley.ReasonTemplateInsufficientParameters, "template parameters are missing: "+strings.Join(names, ", "))
}

// native returns a reference to the channel's own template that takes the
// place of a translation.
func native(tr *parley.TemplateTranslation, o parley.ChannelTemplateOverride, values map[string]string, ch parley.Channel) (*parley.AppMessage, error) {
	m := &parley.AppMessage{Template: &parley.TemplateMessage{
		ChannelTemplate: map[parley.Channel]parley.TemplateReference{ch: *o.TemplateReference},
	}}
	m, missing, err := m.Fill(values)
	if err != nil {
		return nil, err
	}
	ref := m.Template.ChannelTemplate[ch]
	if ref.Parameters == nil {
		ref.Parameters = map[string]string{}
	}
	for from, to := range o.ParameterMappings {
		variable, parameter := mapping(tr, values, from, to)
		value, ok := values[variable]
		if !ok && !slices.Contains(missing, variable) {
			missing = append(missing, variable)
		}
		ref.Parameters[parameter] = value
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return nil, insufficient(missing)
	}
	m.Template.ChannelTemplate[ch] = ref
	return m, nil
}

// mapping tells the two sides of a parameter mapping apart. The API reference
// calls it "a mapping between omni-template variables and the channel specific
// parameters"; another document of its authors names the sides the other way
// round. A channel's parameter, such as body[1]text, is no variable, so that
// either is understood.
func mapping(tr *parley.TemplateTranslation, values map[string]string, from, to string) (variable, parameter string) {
	known := func(name string) bool {
		_, given := values[name]
		return given || slices.ContainsFunc(tr.Variables, func(v parley.TemplateVariable) bool { return v.Key == name })
	}
	if !known(from) && known(to) {
		return to, from
	}
	return from, to
}
