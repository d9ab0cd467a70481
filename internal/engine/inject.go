package engine

import (
	"context"
	"time"

	"github.com/parley-im/parley"
	"github.com/parley-im/parley/internal/store"
)

// InjectMessage stores a message that went another way in a conversation, at
// the time it says. Nothing is sent, and nothing reported.
func (e *Engine) InjectMessage(ctx context.Context, projectID, conversationID string, r *parley.InjectMessageRequest) error {
	if err := r.Validate(e.now()); err != nil {
		return err
	}
	return e.store.Tx(ctx, func(tx *store.Store) error {
		c, err := tx.Conversation(ctx, projectID, conversationID)
		if err != nil {
			return err
		}
		if err := within(c, r.ConversationID, r.ContactID); err != nil {
			return err
		}
		at := r.AcceptTime.UTC().Truncate(time.Microsecond)
		doc := &store.MessageDoc{App: r.AppMessage, Contact: r.ContactMessage}
		if r.AppMessage != nil {
			doc.Send = &store.SendOptions{}
		}
		raw, err := parley.Marshal(doc)
		if err != nil {
			return err
		}
		if err := tx.AddMessage(ctx, &store.Message{
			ProjectID: projectID, ID: e.store.IDAt(at), AppID: c.AppID, ContactID: c.ContactID, ConversationID: c.ID,
			Identity: scoped(*r.ChannelIdentity, c.AppID), ToContact: r.Direction == parley.ToContact, Listed: true,
			Injected: true, AcceptTime: at, Progress: store.At(0, parley.StatusDelivered), SenderID: r.SenderID,
			Metadata: r.Metadata, Doc: raw,
		}); err != nil {
			return err
		}
		if r.Direction == parley.ToContact || !at.After(c.LastReceived) {
			return nil
		}
		c.LastReceived = at
		return tx.PutConversation(ctx, projectID, c)
	})
}

// InjectEvent stores an app event that went another way in a conversation, at
// the time it says. Nothing is sent, and nothing reported.
func (e *Engine) InjectEvent(ctx context.Context, projectID, conversationID string, r *parley.InjectEventRequest) (*parley.InjectEventResponse, error) {
	if err := r.Validate(e.now()); err != nil {
		return nil, err
	}
	at := r.AcceptTime.UTC().Truncate(time.Microsecond)
	ev := &parley.Event{
		ID: e.store.IDAt(at), Direction: parley.ToContact, AppEvent: r.AppEvent, AcceptTime: at,
		ProcessingMode: parley.ModeConversation,
	}
	return &parley.InjectEventResponse{EventID: ev.ID, AcceptedTime: at}, e.store.Tx(ctx, func(tx *store.Store) error {
		c, err := tx.Conversation(ctx, projectID, conversationID)
		if err != nil {
			return err
		}
		if err := within(c, r.ConversationID, r.ContactID); err != nil {
			return err
		}
		app, err := e.dir.app(ctx, projectID, c.AppID)
		if err != nil {
			return err
		}
		if app.ProcessingMode == parley.ModeDispatch {
			return parley.Errorf(parley.CodeFailedPrecondition, "events can be injected only for apps in %s mode", parley.ModeConversation)
		}
		ev.ConversationID, ev.ContactID = c.ID, c.ContactID
		if ev.ChannelIdentity, err = e.eventIdentity(ctx, tx, projectID, c, r.ChannelIdentity); err != nil {
			return err
		}
		doc, err := parley.Marshal(ev)
		if err != nil {
			return err
		}
		return tx.AddEvent(ctx, &store.Event{
			ProjectID: projectID, ID: ev.ID, AppID: c.AppID, ContactID: c.ContactID, ConversationID: c.ID, Doc: doc,
		})
	})
}

// eventIdentity returns whom an injected event concerned: the identity it
// names, else the contact's on the channel last used, else the contact's first.
func (e *Engine) eventIdentity(ctx context.Context, tx *store.Store, projectID string, c *parley.Conversation,
	named *parley.ChannelIdentity,
) (*parley.ChannelIdentity, error) {
	if named != nil {
		id := scoped(*named, c.AppID)
		return &id, nil
	}
	contact, err := tx.Contact(ctx, projectID, c.ContactID)
	if err != nil {
		return nil, err
	}
	if id := contact.Identity(c.ActiveChannel, c.AppID); id != nil {
		return id, nil
	}
	if len(contact.ChannelIdentities) == 0 {
		return nil, parley.Invalid("channel_identity", "is required for a contact without identities")
	}
	return &contact.ChannelIdentities[0], nil
}

// within checks that what a request says besides its path agrees with the
// conversation the path names.
func within(c *parley.Conversation, conversationID, contactID string) error {
	if conversationID != "" && conversationID != c.ID {
		return parley.Invalid("conversation_id", "is not the conversation in the path")
	}
	if contactID != "" && contactID != c.ContactID {
		return parley.Invalid("contact_id", "is not the conversation's contact")
	}
	return nil
}
