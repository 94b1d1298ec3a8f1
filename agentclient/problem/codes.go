package problem

// Code is what callers tell errors apart by; the text is the name of the Python class.
type Code string

// The codes. Each names what Detail has.
const (
	None Code = ""

	// Cards.
	CardNotFound         Code = "CardNotFound"         // status
	CardInvalid          Code = "CardInvalid"          // path: where in the card, as "skills[2].id"
	CardSignatureInvalid Code = "CardSignatureInvalid" // reason
	CardUntrusted        Code = "CardUntrusted"        // level
	UnsupportedPeer      Code = "UnsupportedPeer"      // offered: []string

	// What carries requests.
	ConnectFailed     Code = "ConnectFailed" // sent: true where the agent may have begun
	TLSFailed         Code = "TlsError"
	HTTPStatus        Code = "HttpStatusError"   // status, body, retry_after
	Timeout           Code = "A2aTimeout"        // seconds, stage: connect headers total idle queue
	StreamInterrupted Code = "StreamInterrupted" // last_seq
	ResponseTooLarge  Code = "ResponseTooLarge"  // what, limit
	BlockedAddress    Code = "BlockedAddress"    // address
	RedirectBlocked   Code = "RedirectBlocked"   // to
	UntrustedOrigin   Code = "UntrustedOrigin"   // origin

	// What peers answer. Of all: rpc_code, status, reason, data.
	InvalidAgentResponse Code = "InvalidAgentResponse"
	MethodNotFound       Code = "MethodNotFound"
	InvalidParams        Code = "InvalidParams"
	VersionNotSupported  Code = "VersionNotSupported"
	PeerInternalError    Code = "PeerInternalError"
	OtherPeerError       Code = "ProtocolError"

	TaskNotFound            Code = "TaskNotFound"
	TaskNotCancelable       Code = "TaskNotCancelable"
	UnsupportedOperation    Code = "UnsupportedOperation"
	ContentTypeNotSupported Code = "ContentTypeNotSupported"
	TaskFailed              Code = "TaskFailed"

	Unauthenticated  Code = "Unauthenticated" // challenges: []string
	PermissionDenied Code = "PermissionDenied"

	ExtensionRequired         Code = "ExtensionRequired" // uris: []string
	ExtendedCardNotConfigured Code = "ExtendedCardNotConfigured"
	PushNotSupported          Code = "PushNotSupported"

	// What callers said that they want.
	PolicyViolation            Code = "PolicyViolation"            // field, limit, actual
	BudgetExceeded             Code = "BudgetExceeded"             // dim, limit, current
	RecursionLimit             Code = "RecursionLimit"             // depth, path: []string
	ArtifactVersionUnsupported Code = "ArtifactVersionUnsupported" // got, supported: []string

	InvalidArgument Code = "InvalidArgument"
	Closed          Code = "Closed"
	Cancelled       Code = "Cancelled"
	Internal        Code = "A2aError"
)
