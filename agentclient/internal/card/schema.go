package card

// presence is what becomes of a field whose value is its default when a card is signed
// (specification 1.0, sections 5.7 and 8.4.1).
type presence uint8

const (
	plain    presence = iota // dropped
	optional                 // stays where it is written
	required                 // stays
)

// shape is what a field holds.
type shape uint8

const (
	text shape = iota
	truth
	list    // of texts, or of messages
	table   // texts or messages by name
	message // which is there or not, and is not dropped for being empty
	free    // any JSON, which is nobody's to change
)

// field is one of a message; of is the message that it holds, nil for texts.
type field struct {
	is   presence
	kind shape
	of   schema
}

// schema are the fields of a message of a2a.proto by their names in JSON.
type schema map[string]field

var (
	wanted = field{is: required}
	texts  = field{kind: list}

	providerSchema  = schema{"url": wanted, "organization": wanted}
	interfaceSchema = schema{"url": wanted, "protocolBinding": wanted, "protocolVersion": wanted,
		"tenant": {}}
	extensionSchema = schema{"uri": {}, "description": {}, "required": {kind: truth},
		"params": {kind: free}}
	capabilitiesSchema = schema{
		"streaming":         {is: optional, kind: truth},
		"pushNotifications": {is: optional, kind: truth},
		"extendedAgentCard": {is: optional, kind: truth},
		"extensions":        {kind: list, of: extensionSchema},
	}
	requirementSchema = schema{"schemes": {kind: table, of: schema{"list": texts}}}
	skillSchema       = schema{
		"id": wanted, "name": wanted, "description": wanted, "tags": {is: required, kind: list},
		"examples": texts, "inputModes": texts, "outputModes": texts,
		"securityRequirements": {kind: list, of: requirementSchema},
	}
	scopes     = field{is: required, kind: table}
	flowSchema = schema{
		"authorizationCode": {kind: message, of: schema{"authorizationUrl": wanted,
			"tokenUrl": wanted, "refreshUrl": {}, "scopes": scopes, "pkceRequired": {kind: truth}}},
		"clientCredentials": {kind: message, of: schema{"tokenUrl": wanted, "refreshUrl": {},
			"scopes": scopes}},
		"implicit": {kind: message, of: schema{"authorizationUrl": {}, "refreshUrl": {},
			"scopes": {kind: table}}},
		"password": {kind: message, of: schema{"tokenUrl": {}, "refreshUrl": {},
			"scopes": {kind: table}}},
		"deviceCode": {kind: message, of: schema{"deviceAuthorizationUrl": wanted,
			"tokenUrl": wanted, "refreshUrl": {}, "scopes": scopes}},
	}
	schemeSchema = schema{
		"apiKeySecurityScheme": {kind: message, of: schema{"description": {}, "location": wanted,
			"name": wanted}},
		"httpAuthSecurityScheme": {kind: message, of: schema{"description": {}, "scheme": wanted,
			"bearerFormat": {}}},
		"oauth2SecurityScheme": {kind: message, of: schema{"description": {},
			"flows":             {is: required, kind: message, of: flowSchema},
			"oauth2MetadataUrl": {}}},
		"openIdConnectSecurityScheme": {kind: message, of: schema{"description": {},
			"openIdConnectUrl": wanted}},
		"mtlsSecurityScheme": {kind: message, of: schema{"description": {}}},
	}
	cardSchema = schema{
		"name": wanted, "description": wanted, "version": wanted,
		"supportedInterfaces":  {is: required, kind: list, of: interfaceSchema},
		"provider":             {kind: message, of: providerSchema},
		"documentationUrl":     {is: optional},
		"iconUrl":              {is: optional},
		"capabilities":         {is: required, kind: message, of: capabilitiesSchema},
		"securitySchemes":      {kind: table, of: schemeSchema},
		"securityRequirements": {kind: list, of: requirementSchema},
		"defaultInputModes":    {is: required, kind: list},
		"defaultOutputModes":   {is: required, kind: list},
		"skills":               {is: required, kind: list, of: skillSchema},
		"signatures":           {kind: list},
	}
	// oldNames are fields of cards of 0.3 that 1.0 has under other names.
	oldNames = schema{"url": {}, "protocolVersion": {}, "preferredTransport": {},
		"additionalInterfaces": {}, "security": {}, "supportsAuthenticatedExtendedCard": {}}
)
