package wire

import "fmt"

// Code is a close code of section 18 of the specification.
type Code uint64

// The close codes.
const (
	Normal             Code = 0
	GoingAway          Code = 1
	InternalError      Code = 2
	Malformed          Code = 16
	UnknownMessage     Code = 17
	InvalidField       Code = 18
	OutOfState         Code = 19
	MessageTooLarge    Code = 20
	LimitExceeded      Code = 21
	WindowExceeded     Code = 22
	InvalidPosition    Code = 23
	InvalidSegment     Code = 24
	NotLipwire         Code = 32
	UnsupportedVersion Code = 33
	UnsupportedFormat  Code = 34
	FeatureRequired    Code = 35
	Unauthorized       Code = 36
	HandshakeTimeout   Code = 37
	Busy               Code = 38
	UnknownSession     Code = 48
	ResumeRefused      Code = 49
	ResumeState        Code = 50
	Superseded         Code = 51
	PeerGone           Code = 52
)

var codeNames = map[Code]string{
	Normal: "normal", GoingAway: "going_away", InternalError: "internal_error",
	Malformed: "malformed", UnknownMessage: "unknown_message", InvalidField: "invalid_field",
	OutOfState: "out_of_state", MessageTooLarge: "message_too_large", LimitExceeded: "limit_exceeded",
	WindowExceeded: "window_exceeded", InvalidPosition: "invalid_position", InvalidSegment: "invalid_segment",
	NotLipwire: "not_lipwire", UnsupportedVersion: "unsupported_version", UnsupportedFormat: "unsupported_format",
	FeatureRequired: "feature_required", Unauthorized: "unauthorized", HandshakeTimeout: "handshake_timeout",
	Busy: "busy", UnknownSession: "unknown_session", ResumeRefused: "resume_refused",
	ResumeState: "resume_state", Superseded: "superseded", PeerGone: "peer_gone",
}

func (c Code) String() string {
	if s, ok := codeNames[c]; ok {
		return s
	}
	return fmt.Sprintf("code %d", uint64(c))
}

// Error is a broken rule: the close code that answers it, and words for people.
type Error struct {
	Code   Code
	Reason string
}

func (e *Error) Error() string { return e.Code.String() + ": " + e.Reason }

// Errorf makes an Error.
func Errorf(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Reason: fmt.Sprintf(format, args...)}
}
