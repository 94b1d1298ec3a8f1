"""`AgentCard`: what an agent says of itself, and what is known of who said it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NoReturn, Self, cast

from . import show
from .errors import CardInvalid
from .reading import mapping, objects, shown, text, texts, word

TrustLevel = Literal["verified", "self_certified", "signed_unknown_key", "unsigned", "unknown"]
_LEVELS: Final = ("verified", "self_certified", "signed_unknown_key", "unsigned")
_KINDS: Final = {
    "apiKeySecurityScheme": "api_key",
    "httpAuthSecurityScheme": "http",
    "oauth2SecurityScheme": "oauth2",
    "openIdConnectSecurityScheme": "open_id_connect",
    "mtlsSecurityScheme": "mutual_tls",
}


@dataclass(frozen=True, slots=True)
class AgentInterface:
    """Where an agent is asked, and how.

    Attributes
    ----------
    url : str
    binding : str
        ``"JSONRPC"`` or ``"HTTP+JSON"``; others are kept as they are written.
    version : str
        Of the protocol: ``"1.0"``.
    tenant : str or None
        Repeated in every request.
    """

    url: str
    binding: str
    version: str
    tenant: str | None = None

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """Return the interface of a card's JSON, or the one that a client chose."""
        said = mapping(raw)
        return cls(
            word(said.get("url")),
            word(said.get("binding", said.get("protocolBinding"))),
            word(said.get("version", said.get("protocolVersion"))),
            text(said.get("tenant")) or None,
        )


@dataclass(frozen=True, slots=True)
class AgentExtension:
    """An extension of the protocol that an agent declares; ``params`` is whatever it says."""

    uri: str
    description: str = ""
    required: bool = False
    params: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """Return the extension of a card's JSON."""
        said = mapping(raw)
        return cls(
            word(said.get("uri")),
            word(said.get("description")),
            said.get("required") is True,
            mapping(said.get("params")),
        )


@dataclass(frozen=True, slots=True)
class AgentCapabilities:
    """What an agent can do beside answering; what it does not say is False."""

    streaming: bool = False
    push_notifications: bool = False
    extended_card: bool = False
    extensions: tuple[AgentExtension, ...] = ()

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """Return the capabilities of a card's JSON."""
        said = mapping(raw)
        return cls(
            said.get("streaming") is True,
            said.get("pushNotifications") is True,
            said.get("extendedAgentCard") is True,
            tuple(AgentExtension.from_json(one) for one in objects(said.get("extensions"))),
        )


@dataclass(frozen=True, slots=True)
class AgentSkill:
    """What an agent says that it is good at. Its texts are claims of the agent."""

    id: str
    name: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    input_modes: tuple[str, ...] = ()
    output_modes: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """Return the skill of a card's JSON."""
        said = mapping(raw)
        return cls(
            word(said.get("id")),
            word(said.get("name")),
            word(said.get("description")),
            texts(said.get("tags")),
            texts(said.get("examples")),
            texts(said.get("inputModes")),
            texts(said.get("outputModes")),
        )


@dataclass(frozen=True, slots=True)
class AgentProvider:
    """Who says to run an agent."""

    organization: str
    url: str = ""

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """Return the provider of a card's JSON."""
        said = mapping(raw)
        return cls(word(said.get("organization")), word(said.get("url")))


@dataclass(frozen=True, slots=True)
class AuthScheme:
    """A way to say who asks that an agent takes.

    Attributes
    ----------
    name : str
        What the card calls it.
    kind : str
        ``"api_key"``, ``"http"``, ``"oauth2"``, ``"open_id_connect"``, ``"mutual_tls"``, or
        ``"unknown"``.
    location, parameter : str or None
        Of an API key: ``"header"``, ``"query"`` or ``"cookie"``, and what it is called there.
    scheme : str or None
        Of HTTP: ``"Bearer"``, ``"Basic"``.
    raw : mapping
        All that the card says of it.
    """

    name: str
    kind: str
    location: str | None = None
    parameter: str | None = None
    scheme: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)

    @classmethod
    def from_json(cls, name: str, raw: Any) -> Self:
        """Return the scheme of a card's JSON, a member of ``securitySchemes``."""
        said = mapping(raw)
        for member, kind in _KINDS.items():
            if isinstance(said.get(member), dict):
                inner = mapping(said[member])
                return cls(
                    name,
                    kind,
                    text(inner.get("location")) if kind == "api_key" else None,
                    text(inner.get("name")) if kind == "api_key" else None,
                    text(inner.get("scheme")) if kind == "http" else None,
                    said,
                )
        return cls(name, "unknown", raw=said)


@dataclass(frozen=True, slots=True)
class CardTrust:
    """What is known of who wrote a card.

    Attributes
    ----------
    level : str
        ``"verified"``: signed with a key that the caller named, or the one seen at first.
        ``"self_certified"``: signed with the key that the card names as its own, which says that
        it is the agent of that ``agent_id``, and not whose agent it is.
        ``"signed_unknown_key"``: signed, and nobody said by whom it should be.
        ``"unsigned"``. Under `Trust.insecure_skip` one of the last two, and nothing was checked.
    key_id, alg : str or None
        Of the signature that verified.
    form : str or None
        Which of the three canonical forms it was made over: ``"A"``, ``"B"``, ``"C"``.
    agent_id : str or None
        64 hex digits, the SHAKE-256 of the key; None unless a signature proves it.
    warning : str or None
        What was let through and should be known: a card that is older than one seen before, or a
        first use that proves no key.
    """

    level: TrustLevel
    key_id: str | None = None
    alg: str | None = None
    form: str | None = None
    agent_id: str | None = None
    warning: str | None = None

    @property
    def is_verified(self) -> bool:
        """Whether the card is signed with a key that the caller has reason to trust."""
        return self.level == "verified"

    @classmethod
    def from_json(cls, raw: Any) -> Self:
        """Return what the library found out."""
        said = mapping(raw)
        level = said.get("level")
        return cls(
            cast("TrustLevel", level) if level in _LEVELS else "unknown",
            text(said.get("key_id")) or None,
            text(said.get("alg")) or None,
            text(said.get("form")) or None,
            text(said.get("agent_id")) or None,
            text(said.get("warning")) or None,
        )


@dataclass(frozen=True, slots=True, repr=False)
class AgentCard:
    """What an agent says of itself: read from the bytes that were verified, never changed.

    Its texts are claims of the agent, and may be written to mislead people and models that read
    them. Cards are equal when all they say is; any number of threads may use one; it can be
    pickled.

    Attributes
    ----------
    name, description, version : str
        Of the agent.
    interfaces : tuple of AgentInterface
        In the agent's order.
    capabilities : AgentCapabilities
    skills : tuple of AgentSkill
    provider : AgentProvider or None
    schemes : tuple of AuthScheme
    requirements : tuple of mapping
        Of each, all schemes are needed, with the scopes that it lists; one of the mappings is
        enough.
    input_modes, output_modes : tuple of str
        Media types.
    documentation_url, icon_url : str or None
        Never fetched.
    agent_id : str or None
        64 hex digits; None unless a signature proves it.
    raw : mapping
        The card as JSON, of version 1.0; not to be changed.
    """

    name: str
    description: str
    version: str
    interfaces: tuple[AgentInterface, ...] = ()
    capabilities: AgentCapabilities = field(default_factory=AgentCapabilities)
    skills: tuple[AgentSkill, ...] = ()
    provider: AgentProvider | None = None
    schemes: tuple[AuthScheme, ...] = ()
    requirements: tuple[Mapping[str, tuple[str, ...]], ...] = field(default=(), hash=False)
    input_modes: tuple[str, ...] = ()
    output_modes: tuple[str, ...] = ()
    documentation_url: str | None = None
    icon_url: str | None = None
    agent_id: str | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def from_json(cls, raw: Any, *, agent_id: str | None = None) -> Self:
        """Return the card of JSON of version 1.0.

        Parameters
        ----------
        raw : mapping
            What the library gave, which checks cards before. Members that are missing or of
            another type read as absent.
        agent_id : str, optional
            What a signature proves.

        Raises
        ------
        CardInvalid
            It is no mapping.
        """
        if not isinstance(raw, dict):
            raise CardInvalid(f"a card is a JSON object, not {type(raw).__name__}")
        provider = raw.get("provider")
        return cls(
            word(raw.get("name")),
            word(raw.get("description")),
            word(raw.get("version")),
            tuple(AgentInterface.from_json(x) for x in objects(raw.get("supportedInterfaces"))),
            AgentCapabilities.from_json(raw.get("capabilities")),
            tuple(AgentSkill.from_json(x) for x in objects(raw.get("skills"))),
            AgentProvider.from_json(provider) if isinstance(provider, dict) else None,
            tuple(
                AuthScheme.from_json(name, scheme)
                for name, scheme in mapping(raw.get("securitySchemes")).items()
            ),
            tuple(_requirement(one) for one in objects(raw.get("securityRequirements"))),
            texts(raw.get("defaultInputModes")),
            texts(raw.get("defaultOutputModes")),
            text(raw.get("documentationUrl")) or None,
            text(raw.get("iconUrl")) or None,
            agent_id or None,
            raw,
        )

    def skill(self, id: str) -> AgentSkill:
        """Return the skill of an id.

        Raises
        ------
        KeyError
            The agent lists none of it; names those that it lists.
        """
        for one in self.skills:
            if one.id == id:
                return one
        _no_skill(id, self.skills)

    def __repr__(self) -> str:
        skills = ", ".join(shown(one.id, 30) for one in self.skills[:8])
        more = ", ..." if len(self.skills) > 8 else ""
        proved = f", agent_id={self.agent_id[:16]}..." if self.agent_id else ""
        return f"AgentCard({shown(self.name)} {shown(self.version, 20)}, [{skills}{more}]{proved})"

    def _repr_html_(self) -> str:
        return show.card(self)


def _no_skill(id: str, skills: tuple[AgentSkill, ...]) -> NoReturn:
    listed = ", ".join(shown(one.id) for one in skills[:20]) or "none"
    raise KeyError(f"the agent has no skill {id!r:.60}; it lists {listed}")


def _requirement(raw: Mapping[str, Any]) -> Mapping[str, tuple[str, ...]]:
    return {
        name: texts(mapping(scopes).get("list")) if isinstance(scopes, dict) else texts(scopes)
        for name, scopes in mapping(raw.get("schemes")).items()
    }
