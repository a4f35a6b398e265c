import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    KIND_UNSPECIFIED: _ClassVar[Kind]
    KIND_CONVERSATION: _ClassVar[Kind]
    KIND_REFLECTION: _ClassVar[Kind]
KIND_UNSPECIFIED: Kind
KIND_CONVERSATION: Kind
KIND_REFLECTION: Kind

class NewMemory(_message.Message):
    __slots__ = ("content", "kind", "project", "timestamp", "session_id", "role", "tags", "metadata", "id", "shared", "first_said")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    FIRST_SAID_FIELD_NUMBER: _ClassVar[int]
    content: str
    kind: Kind
    project: str
    timestamp: _timestamp_pb2.Timestamp
    session_id: str
    role: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    metadata: str
    id: str
    shared: bool
    first_said: _timestamp_pb2.Timestamp
    def __init__(self, content: _Optional[str] = ..., kind: _Optional[_Union[Kind, str]] = ..., project: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., session_id: _Optional[str] = ..., role: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., metadata: _Optional[str] = ..., id: _Optional[str] = ..., shared: _Optional[bool] = ..., first_said: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StoredMemory(_message.Message):
    __slots__ = ("id", "content", "kind", "project", "timestamp", "session_id", "role", "tags", "metadata", "shared", "author", "first_said")
    ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    FIRST_SAID_FIELD_NUMBER: _ClassVar[int]
    id: str
    content: str
    kind: Kind
    project: str
    timestamp: _timestamp_pb2.Timestamp
    session_id: str
    role: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    metadata: str
    shared: bool
    author: str
    first_said: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., content: _Optional[str] = ..., kind: _Optional[_Union[Kind, str]] = ..., project: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., session_id: _Optional[str] = ..., role: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., metadata: _Optional[str] = ..., shared: _Optional[bool] = ..., author: _Optional[str] = ..., first_said: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StoreRequest(_message.Message):
    __slots__ = ("memories", "links", "each", "only_known")
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    LINKS_FIELD_NUMBER: _ClassVar[int]
    EACH_FIELD_NUMBER: _ClassVar[int]
    ONLY_KNOWN_FIELD_NUMBER: _ClassVar[int]
    memories: _containers.RepeatedCompositeFieldContainer[NewMemory]
    links: _containers.RepeatedCompositeFieldContainer[Link]
    each: bool
    only_known: bool
    def __init__(self, memories: _Optional[_Iterable[_Union[NewMemory, _Mapping]]] = ..., links: _Optional[_Iterable[_Union[Link, _Mapping]]] = ..., each: _Optional[bool] = ..., only_known: _Optional[bool] = ...) -> None: ...

class StoreResponse(_message.Message):
    __slots__ = ("outcomes", "links_stored", "refused_memories", "refused_links")
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    LINKS_STORED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_MEMORIES_FIELD_NUMBER: _ClassVar[int]
    REFUSED_LINKS_FIELD_NUMBER: _ClassVar[int]
    outcomes: _containers.RepeatedCompositeFieldContainer[StoreOutcome]
    links_stored: int
    refused_memories: _containers.RepeatedCompositeFieldContainer[Refusal]
    refused_links: _containers.RepeatedCompositeFieldContainer[Refusal]
    def __init__(self, outcomes: _Optional[_Iterable[_Union[StoreOutcome, _Mapping]]] = ..., links_stored: _Optional[int] = ..., refused_memories: _Optional[_Iterable[_Union[Refusal, _Mapping]]] = ..., refused_links: _Optional[_Iterable[_Union[Refusal, _Mapping]]] = ...) -> None: ...

class Refusal(_message.Message):
    __slots__ = ("place", "error", "message")
    PLACE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    place: int
    error: str
    message: str
    def __init__(self, place: _Optional[int] = ..., error: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class StoreOutcome(_message.Message):
    __slots__ = ("id", "stored_at", "duplicate", "embedding_generated", "redactions", "tags")
    ID_FIELD_NUMBER: _ClassVar[int]
    STORED_AT_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_GENERATED_FIELD_NUMBER: _ClassVar[int]
    REDACTIONS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    id: str
    stored_at: _timestamp_pb2.Timestamp
    duplicate: bool
    embedding_generated: bool
    redactions: int
    tags: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., stored_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duplicate: _Optional[bool] = ..., embedding_generated: _Optional[bool] = ..., redactions: _Optional[int] = ..., tags: _Optional[_Iterable[str]] = ...) -> None: ...

class SearchRequest(_message.Message):
    __slots__ = ("query", "limit", "min_score", "project", "include_related_projects", "max_tokens", "filter", "newest_first", "cursor", "paged", "facets", "is_list")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    MIN_SCORE_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RELATED_PROJECTS_FIELD_NUMBER: _ClassVar[int]
    MAX_TOKENS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIRST_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    PAGED_FIELD_NUMBER: _ClassVar[int]
    FACETS_FIELD_NUMBER: _ClassVar[int]
    IS_LIST_FIELD_NUMBER: _ClassVar[int]
    query: str
    limit: int
    min_score: float
    project: str
    include_related_projects: bool
    max_tokens: int
    filter: Filter
    newest_first: bool
    cursor: str
    paged: bool
    facets: bool
    is_list: bool
    def __init__(self, query: _Optional[str] = ..., limit: _Optional[int] = ..., min_score: _Optional[float] = ..., project: _Optional[str] = ..., include_related_projects: _Optional[bool] = ..., max_tokens: _Optional[int] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ..., newest_first: _Optional[bool] = ..., cursor: _Optional[str] = ..., paged: _Optional[bool] = ..., facets: _Optional[bool] = ..., is_list: _Optional[bool] = ...) -> None: ...

class Filter(_message.Message):
    __slots__ = ("content_type", "tags", "session_id", "since", "until", "file_path", "role")
    CONTENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    FILE_PATH_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    content_type: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    session_id: str
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    file_path: str
    role: str
    def __init__(self, content_type: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., session_id: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., file_path: _Optional[str] = ..., role: _Optional[str] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("project", "include_related_projects", "filter", "author", "oldest_first", "limit", "cursor")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_RELATED_PROJECTS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    AUTHOR_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIRST_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    project: str
    include_related_projects: bool
    filter: Filter
    author: str
    oldest_first: bool
    limit: int
    cursor: str
    def __init__(self, project: _Optional[str] = ..., include_related_projects: _Optional[bool] = ..., filter: _Optional[_Union[Filter, _Mapping]] = ..., author: _Optional[str] = ..., oldest_first: _Optional[bool] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("memories", "total", "next_cursor")
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    memories: _containers.RepeatedCompositeFieldContainer[StoredMemory]
    total: int
    next_cursor: str
    def __init__(self, memories: _Optional[_Iterable[_Union[StoredMemory, _Mapping]]] = ..., total: _Optional[int] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class MoreRequest(_message.Message):
    __slots__ = ("cursor", "limit")
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    cursor: str
    limit: int
    def __init__(self, cursor: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("results", "total_found", "search_strategy", "took_ms", "truncated", "suggestions", "next_cursor", "facets", "at_least")
    class FacetsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Facet
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Facet, _Mapping]] = ...) -> None: ...
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FOUND_FIELD_NUMBER: _ClassVar[int]
    SEARCH_STRATEGY_FIELD_NUMBER: _ClassVar[int]
    TOOK_MS_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    SUGGESTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    FACETS_FIELD_NUMBER: _ClassVar[int]
    AT_LEAST_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[Found]
    total_found: int
    search_strategy: str
    took_ms: float
    truncated: bool
    suggestions: _containers.RepeatedScalarFieldContainer[str]
    next_cursor: str
    facets: _containers.MessageMap[str, Facet]
    at_least: bool
    def __init__(self, results: _Optional[_Iterable[_Union[Found, _Mapping]]] = ..., total_found: _Optional[int] = ..., search_strategy: _Optional[str] = ..., took_ms: _Optional[float] = ..., truncated: _Optional[bool] = ..., suggestions: _Optional[_Iterable[str]] = ..., next_cursor: _Optional[str] = ..., facets: _Optional[_Mapping[str, Facet]] = ..., at_least: _Optional[bool] = ...) -> None: ...

class Facet(_message.Message):
    __slots__ = ("counts",)
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[Count]
    def __init__(self, counts: _Optional[_Iterable[_Union[Count, _Mapping]]] = ...) -> None: ...

class Count(_message.Message):
    __slots__ = ("value", "count")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    value: str
    count: int
    def __init__(self, value: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class Found(_message.Message):
    __slots__ = ("memory", "score", "similarity", "matched", "before", "after", "folded", "folded_ids")
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    SIMILARITY_FIELD_NUMBER: _ClassVar[int]
    MATCHED_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    FOLDED_FIELD_NUMBER: _ClassVar[int]
    FOLDED_IDS_FIELD_NUMBER: _ClassVar[int]
    memory: StoredMemory
    score: float
    similarity: float
    matched: str
    before: StoredMemory
    after: StoredMemory
    folded: int
    folded_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, memory: _Optional[_Union[StoredMemory, _Mapping]] = ..., score: _Optional[float] = ..., similarity: _Optional[float] = ..., matched: _Optional[str] = ..., before: _Optional[_Union[StoredMemory, _Mapping]] = ..., after: _Optional[_Union[StoredMemory, _Mapping]] = ..., folded: _Optional[int] = ..., folded_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("id", "neighbours")
    ID_FIELD_NUMBER: _ClassVar[int]
    NEIGHBOURS_FIELD_NUMBER: _ClassVar[int]
    id: str
    neighbours: int
    def __init__(self, id: _Optional[str] = ..., neighbours: _Optional[int] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("memory", "before", "after", "truncated")
    MEMORY_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    TRUNCATED_FIELD_NUMBER: _ClassVar[int]
    memory: StoredMemory
    before: _containers.RepeatedCompositeFieldContainer[StoredMemory]
    after: _containers.RepeatedCompositeFieldContainer[StoredMemory]
    truncated: bool
    def __init__(self, memory: _Optional[_Union[StoredMemory, _Mapping]] = ..., before: _Optional[_Iterable[_Union[StoredMemory, _Mapping]]] = ..., after: _Optional[_Iterable[_Union[StoredMemory, _Mapping]]] = ..., truncated: _Optional[bool] = ...) -> None: ...

class Link(_message.Message):
    __slots__ = ("source", "target", "type", "description", "created_at")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    source: str
    target: str
    type: str
    description: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, source: _Optional[str] = ..., target: _Optional[str] = ..., type: _Optional[str] = ..., description: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class UnlinkRequest(_message.Message):
    __slots__ = ("source", "target")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    source: str
    target: str
    def __init__(self, source: _Optional[str] = ..., target: _Optional[str] = ...) -> None: ...

class UnlinkResponse(_message.Message):
    __slots__ = ("unlinked",)
    UNLINKED_FIELD_NUMBER: _ClassVar[int]
    unlinked: bool
    def __init__(self, unlinked: _Optional[bool] = ...) -> None: ...

class ListLinksRequest(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: str
    def __init__(self, project: _Optional[str] = ...) -> None: ...

class ListLinksResponse(_message.Message):
    __slots__ = ("links",)
    LINKS_FIELD_NUMBER: _ClassVar[int]
    links: _containers.RepeatedCompositeFieldContainer[Link]
    def __init__(self, links: _Optional[_Iterable[_Union[Link, _Mapping]]] = ...) -> None: ...

class StatsRequest(_message.Message):
    __slots__ = ("project", "since")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    project: str
    since: _timestamp_pb2.Timestamp
    def __init__(self, project: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StatsResponse(_message.Message):
    __slots__ = ("conversations", "reflections", "projects", "embedding_coverage", "storage_bytes", "oldest", "most_recent", "degraded", "shared_by_caller", "shared_by_others", "retention", "stored_since", "last_stored")
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    REFLECTIONS_FIELD_NUMBER: _ClassVar[int]
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    STORAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIELD_NUMBER: _ClassVar[int]
    MOST_RECENT_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    SHARED_BY_CALLER_FIELD_NUMBER: _ClassVar[int]
    SHARED_BY_OTHERS_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    STORED_SINCE_FIELD_NUMBER: _ClassVar[int]
    LAST_STORED_FIELD_NUMBER: _ClassVar[int]
    conversations: int
    reflections: int
    projects: int
    embedding_coverage: float
    storage_bytes: int
    oldest: _timestamp_pb2.Timestamp
    most_recent: _timestamp_pb2.Timestamp
    degraded: _containers.RepeatedScalarFieldContainer[str]
    shared_by_caller: int
    shared_by_others: int
    retention: str
    stored_since: int
    last_stored: _timestamp_pb2.Timestamp
    def __init__(self, conversations: _Optional[int] = ..., reflections: _Optional[int] = ..., projects: _Optional[int] = ..., embedding_coverage: _Optional[float] = ..., storage_bytes: _Optional[int] = ..., oldest: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., most_recent: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., degraded: _Optional[_Iterable[str]] = ..., shared_by_caller: _Optional[int] = ..., shared_by_others: _Optional[int] = ..., retention: _Optional[str] = ..., stored_since: _Optional[int] = ..., last_stored: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class UsageRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UsageResponse(_message.Message):
    __slots__ = ("memories", "content_bytes")
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    CONTENT_BYTES_FIELD_NUMBER: _ClassVar[int]
    memories: int
    content_bytes: int
    def __init__(self, memories: _Optional[int] = ..., content_bytes: _Optional[int] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("parts",)
    class PartsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Part
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Part, _Mapping]] = ...) -> None: ...
    PARTS_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.MessageMap[str, Part]
    def __init__(self, parts: _Optional[_Mapping[str, Part]] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("status", "reason")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    status: str
    reason: str
    def __init__(self, status: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class DeleteRequest(_message.Message):
    __slots__ = ("ids", "project", "before", "confirmation", "include_reflections")
    IDS_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    CONFIRMATION_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_REFLECTIONS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[str]
    project: str
    before: _timestamp_pb2.Timestamp
    confirmation: str
    include_reflections: bool
    def __init__(self, ids: _Optional[_Iterable[str]] = ..., project: _Optional[str] = ..., before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., confirmation: _Optional[str] = ..., include_reflections: _Optional[bool] = ...) -> None: ...

class DeleteResponse(_message.Message):
    __slots__ = ("deleted", "would_delete", "confirmation", "tallies", "examples", "other_kinds")
    DELETED_FIELD_NUMBER: _ClassVar[int]
    WOULD_DELETE_FIELD_NUMBER: _ClassVar[int]
    CONFIRMATION_FIELD_NUMBER: _ClassVar[int]
    TALLIES_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    OTHER_KINDS_FIELD_NUMBER: _ClassVar[int]
    deleted: int
    would_delete: int
    confirmation: str
    tallies: _containers.RepeatedCompositeFieldContainer[Tally]
    examples: _containers.RepeatedCompositeFieldContainer[Example]
    other_kinds: int
    def __init__(self, deleted: _Optional[int] = ..., would_delete: _Optional[int] = ..., confirmation: _Optional[str] = ..., tallies: _Optional[_Iterable[_Union[Tally, _Mapping]]] = ..., examples: _Optional[_Iterable[_Union[Example, _Mapping]]] = ..., other_kinds: _Optional[int] = ...) -> None: ...

class Tally(_message.Message):
    __slots__ = ("kind", "project", "count", "oldest", "newest")
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    OLDEST_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    kind: Kind
    project: str
    count: int
    oldest: _timestamp_pb2.Timestamp
    newest: _timestamp_pb2.Timestamp
    def __init__(self, kind: _Optional[_Union[Kind, str]] = ..., project: _Optional[str] = ..., count: _Optional[int] = ..., oldest: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., newest: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Example(_message.Message):
    __slots__ = ("id", "kind", "project", "timestamp", "begins")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    BEGINS_FIELD_NUMBER: _ClassVar[int]
    id: str
    kind: Kind
    project: str
    timestamp: _timestamp_pb2.Timestamp
    begins: str
    def __init__(self, id: _Optional[str] = ..., kind: _Optional[_Union[Kind, str]] = ..., project: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., begins: _Optional[str] = ...) -> None: ...

class ExportRequest(_message.Message):
    __slots__ = ("after", "limit")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: int
    limit: int
    def __init__(self, after: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ExportResponse(_message.Message):
    __slots__ = ("memories", "next")
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    memories: _containers.RepeatedCompositeFieldContainer[StoredMemory]
    next: int
    def __init__(self, memories: _Optional[_Iterable[_Union[StoredMemory, _Mapping]]] = ..., next: _Optional[int] = ...) -> None: ...

class ShareRequest(_message.Message):
    __slots__ = ("id", "shared")
    ID_FIELD_NUMBER: _ClassVar[int]
    SHARED_FIELD_NUMBER: _ClassVar[int]
    id: str
    shared: bool
    def __init__(self, id: _Optional[str] = ..., shared: _Optional[bool] = ...) -> None: ...

class ShareResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class RemovalsRequest(_message.Message):
    __slots__ = ("project", "limit")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    project: str
    limit: int
    def __init__(self, project: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class Removal(_message.Message):
    __slots__ = ("removed_at", "actor", "reason", "project", "ids", "count", "erased")
    REMOVED_AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    IDS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ERASED_FIELD_NUMBER: _ClassVar[int]
    removed_at: _timestamp_pb2.Timestamp
    actor: str
    reason: str
    project: str
    ids: _containers.RepeatedScalarFieldContainer[str]
    count: int
    erased: bool
    def __init__(self, removed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor: _Optional[str] = ..., reason: _Optional[str] = ..., project: _Optional[str] = ..., ids: _Optional[_Iterable[str]] = ..., count: _Optional[int] = ..., erased: _Optional[bool] = ...) -> None: ...

class RemovalsResponse(_message.Message):
    __slots__ = ("removals",)
    REMOVALS_FIELD_NUMBER: _ClassVar[int]
    removals: _containers.RepeatedCompositeFieldContainer[Removal]
    def __init__(self, removals: _Optional[_Iterable[_Union[Removal, _Mapping]]] = ...) -> None: ...

class Retention(_message.Message):
    __slots__ = ("project", "days", "size_mb", "reflections", "is_default", "would_remove")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    SIZE_MB_FIELD_NUMBER: _ClassVar[int]
    REFLECTIONS_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    WOULD_REMOVE_FIELD_NUMBER: _ClassVar[int]
    project: str
    days: int
    size_mb: float
    reflections: bool
    is_default: bool
    would_remove: int
    def __init__(self, project: _Optional[str] = ..., days: _Optional[int] = ..., size_mb: _Optional[float] = ..., reflections: _Optional[bool] = ..., is_default: _Optional[bool] = ..., would_remove: _Optional[int] = ...) -> None: ...

class SetRetentionRequest(_message.Message):
    __slots__ = ("retention", "reset")
    RETENTION_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    retention: Retention
    reset: bool
    def __init__(self, retention: _Optional[_Union[Retention, _Mapping]] = ..., reset: _Optional[bool] = ...) -> None: ...

class ListRetentionRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListRetentionResponse(_message.Message):
    __slots__ = ("retentions", "waiting")
    RETENTIONS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    retentions: _containers.RepeatedCompositeFieldContainer[Retention]
    waiting: str
    def __init__(self, retentions: _Optional[_Iterable[_Union[Retention, _Mapping]]] = ..., waiting: _Optional[str] = ...) -> None: ...

class BackupRequest(_message.Message):
    __slots__ = ("directory",)
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    directory: str
    def __init__(self, directory: _Optional[str] = ...) -> None: ...

class BackupResponse(_message.Message):
    __slots__ = ("path", "memories", "bytes")
    PATH_FIELD_NUMBER: _ClassVar[int]
    MEMORIES_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    path: str
    memories: int
    bytes: int
    def __init__(self, path: _Optional[str] = ..., memories: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...
