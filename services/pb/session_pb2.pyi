import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Which(_message.Message):
    __slots__ = ("session_id", "working_directory")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    WORKING_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    working_directory: str
    def __init__(self, session_id: _Optional[str] = ..., working_directory: _Optional[str] = ...) -> None: ...

class SessionState(_message.Message):
    __slots__ = ("id", "working_directory", "root", "project", "state", "created_at", "last_seen_at", "ended_at", "initialized_at", "checkpoints", "first_quality", "last_quality", "owed", "has_handoff", "version")
    ID_FIELD_NUMBER: _ClassVar[int]
    WORKING_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    INITIALIZED_AT_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    FIRST_QUALITY_FIELD_NUMBER: _ClassVar[int]
    LAST_QUALITY_FIELD_NUMBER: _ClassVar[int]
    OWED_FIELD_NUMBER: _ClassVar[int]
    HAS_HANDOFF_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    id: str
    working_directory: str
    root: str
    project: str
    state: str
    created_at: _timestamp_pb2.Timestamp
    last_seen_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    initialized_at: _timestamp_pb2.Timestamp
    checkpoints: int
    first_quality: float
    last_quality: float
    owed: _containers.RepeatedScalarFieldContainer[str]
    has_handoff: bool
    version: int
    def __init__(self, id: _Optional[str] = ..., working_directory: _Optional[str] = ..., root: _Optional[str] = ..., project: _Optional[str] = ..., state: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_seen_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., initialized_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., checkpoints: _Optional[int] = ..., first_quality: _Optional[float] = ..., last_quality: _Optional[float] = ..., owed: _Optional[_Iterable[str]] = ..., has_handoff: _Optional[bool] = ..., version: _Optional[int] = ...) -> None: ...

class Quality(_message.Message):
    __slots__ = ("overall", "parts")
    class PartsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    OVERALL_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    overall: float
    parts: _containers.ScalarMap[str, float]
    def __init__(self, overall: _Optional[float] = ..., parts: _Optional[_Mapping[str, float]] = ...) -> None: ...

class GitFacts(_message.Message):
    __slots__ = ("branch", "commit", "ahead", "behind", "uncommitted", "commits")
    BRANCH_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    AHEAD_FIELD_NUMBER: _ClassVar[int]
    BEHIND_FIELD_NUMBER: _ClassVar[int]
    UNCOMMITTED_FIELD_NUMBER: _ClassVar[int]
    COMMITS_FIELD_NUMBER: _ClassVar[int]
    branch: str
    commit: str
    ahead: int
    behind: int
    uncommitted: _containers.RepeatedScalarFieldContainer[str]
    commits: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, branch: _Optional[str] = ..., commit: _Optional[str] = ..., ahead: _Optional[int] = ..., behind: _Optional[int] = ..., uncommitted: _Optional[_Iterable[str]] = ..., commits: _Optional[_Iterable[str]] = ...) -> None: ...

class Facts(_message.Message):
    __slots__ = ("summary", "insights", "solutions", "patterns", "decisions", "open_questions", "next_steps", "files_changed", "git", "quality")
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    INSIGHTS_FIELD_NUMBER: _ClassVar[int]
    SOLUTIONS_FIELD_NUMBER: _ClassVar[int]
    PATTERNS_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    OPEN_QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_STEPS_FIELD_NUMBER: _ClassVar[int]
    FILES_CHANGED_FIELD_NUMBER: _ClassVar[int]
    GIT_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    summary: str
    insights: _containers.RepeatedScalarFieldContainer[str]
    solutions: _containers.RepeatedScalarFieldContainer[str]
    patterns: _containers.RepeatedScalarFieldContainer[str]
    decisions: _containers.RepeatedScalarFieldContainer[str]
    open_questions: _containers.RepeatedScalarFieldContainer[str]
    next_steps: _containers.RepeatedScalarFieldContainer[str]
    files_changed: _containers.RepeatedScalarFieldContainer[str]
    git: GitFacts
    quality: Quality
    def __init__(self, summary: _Optional[str] = ..., insights: _Optional[_Iterable[str]] = ..., solutions: _Optional[_Iterable[str]] = ..., patterns: _Optional[_Iterable[str]] = ..., decisions: _Optional[_Iterable[str]] = ..., open_questions: _Optional[_Iterable[str]] = ..., next_steps: _Optional[_Iterable[str]] = ..., files_changed: _Optional[_Iterable[str]] = ..., git: _Optional[_Union[GitFacts, _Mapping]] = ..., quality: _Optional[_Union[Quality, _Mapping]] = ...) -> None: ...

class HandoffDocument(_message.Message):
    __slots__ = ("session_id", "project", "ended_at", "state", "summary", "next_steps", "open_questions", "markdown", "file_name")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    NEXT_STEPS_FIELD_NUMBER: _ClassVar[int]
    OPEN_QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    MARKDOWN_FIELD_NUMBER: _ClassVar[int]
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    project: str
    ended_at: _timestamp_pb2.Timestamp
    state: str
    summary: str
    next_steps: _containers.RepeatedScalarFieldContainer[str]
    open_questions: _containers.RepeatedScalarFieldContainer[str]
    markdown: str
    file_name: str
    def __init__(self, session_id: _Optional[str] = ..., project: _Optional[str] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., state: _Optional[str] = ..., summary: _Optional[str] = ..., next_steps: _Optional[_Iterable[str]] = ..., open_questions: _Optional[_Iterable[str]] = ..., markdown: _Optional[str] = ..., file_name: _Optional[str] = ...) -> None: ...

class InitRequest(_message.Message):
    __slots__ = ("which", "project", "root", "abandoned", "operation_id")
    WHICH_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    ABANDONED_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    which: Which
    project: str
    root: str
    abandoned: Facts
    operation_id: str
    def __init__(self, which: _Optional[_Union[Which, _Mapping]] = ..., project: _Optional[str] = ..., root: _Optional[str] = ..., abandoned: _Optional[_Union[Facts, _Mapping]] = ..., operation_id: _Optional[str] = ...) -> None: ...

class InitResponse(_message.Message):
    __slots__ = ("session", "resumed", "previous_handoff")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_HANDOFF_FIELD_NUMBER: _ClassVar[int]
    session: SessionState
    resumed: bool
    previous_handoff: HandoffDocument
    def __init__(self, session: _Optional[_Union[SessionState, _Mapping]] = ..., resumed: _Optional[bool] = ..., previous_handoff: _Optional[_Union[HandoffDocument, _Mapping]] = ...) -> None: ...

class CompleteInitRequest(_message.Message):
    __slots__ = ("which", "quality", "operation_id")
    WHICH_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    which: Which
    quality: Quality
    operation_id: str
    def __init__(self, which: _Optional[_Union[Which, _Mapping]] = ..., quality: _Optional[_Union[Quality, _Mapping]] = ..., operation_id: _Optional[str] = ...) -> None: ...

class SessionResponse(_message.Message):
    __slots__ = ("session",)
    SESSION_FIELD_NUMBER: _ClassVar[int]
    session: SessionState
    def __init__(self, session: _Optional[_Union[SessionState, _Mapping]] = ...) -> None: ...

class CheckpointRequest(_message.Message):
    __slots__ = ("which", "note", "quality", "git_commit", "git_message", "git_skipped_reason", "files_changed", "decisions", "operation_id")
    WHICH_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    GIT_COMMIT_FIELD_NUMBER: _ClassVar[int]
    GIT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    GIT_SKIPPED_REASON_FIELD_NUMBER: _ClassVar[int]
    FILES_CHANGED_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    which: Which
    note: str
    quality: Quality
    git_commit: str
    git_message: str
    git_skipped_reason: str
    files_changed: _containers.RepeatedScalarFieldContainer[str]
    decisions: _containers.RepeatedScalarFieldContainer[str]
    operation_id: str
    def __init__(self, which: _Optional[_Union[Which, _Mapping]] = ..., note: _Optional[str] = ..., quality: _Optional[_Union[Quality, _Mapping]] = ..., git_commit: _Optional[str] = ..., git_message: _Optional[str] = ..., git_skipped_reason: _Optional[str] = ..., files_changed: _Optional[_Iterable[str]] = ..., decisions: _Optional[_Iterable[str]] = ..., operation_id: _Optional[str] = ...) -> None: ...

class CheckpointRecord(_message.Message):
    __slots__ = ("id", "session_id", "number", "created_at", "note", "quality", "quality_delta", "git_commit", "git_message", "git_skipped_reason", "files_changed", "files_changed_total", "decisions")
    ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    QUALITY_DELTA_FIELD_NUMBER: _ClassVar[int]
    GIT_COMMIT_FIELD_NUMBER: _ClassVar[int]
    GIT_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    GIT_SKIPPED_REASON_FIELD_NUMBER: _ClassVar[int]
    FILES_CHANGED_FIELD_NUMBER: _ClassVar[int]
    FILES_CHANGED_TOTAL_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    id: str
    session_id: str
    number: int
    created_at: _timestamp_pb2.Timestamp
    note: str
    quality: Quality
    quality_delta: float
    git_commit: str
    git_message: str
    git_skipped_reason: str
    files_changed: _containers.RepeatedScalarFieldContainer[str]
    files_changed_total: int
    decisions: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., session_id: _Optional[str] = ..., number: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., note: _Optional[str] = ..., quality: _Optional[_Union[Quality, _Mapping]] = ..., quality_delta: _Optional[float] = ..., git_commit: _Optional[str] = ..., git_message: _Optional[str] = ..., git_skipped_reason: _Optional[str] = ..., files_changed: _Optional[_Iterable[str]] = ..., files_changed_total: _Optional[int] = ..., decisions: _Optional[_Iterable[str]] = ...) -> None: ...

class CheckpointResponse(_message.Message):
    __slots__ = ("checkpoint", "session")
    CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    SESSION_FIELD_NUMBER: _ClassVar[int]
    checkpoint: CheckpointRecord
    session: SessionState
    def __init__(self, checkpoint: _Optional[_Union[CheckpointRecord, _Mapping]] = ..., session: _Optional[_Union[SessionState, _Mapping]] = ...) -> None: ...

class EndRequest(_message.Message):
    __slots__ = ("which", "facts", "operation_id")
    WHICH_FIELD_NUMBER: _ClassVar[int]
    FACTS_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    which: Which
    facts: Facts
    operation_id: str
    def __init__(self, which: _Optional[_Union[Which, _Mapping]] = ..., facts: _Optional[_Union[Facts, _Mapping]] = ..., operation_id: _Optional[str] = ...) -> None: ...

class EndResponse(_message.Message):
    __slots__ = ("session", "handoff")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    HANDOFF_FIELD_NUMBER: _ClassVar[int]
    session: SessionState
    handoff: HandoffDocument
    def __init__(self, session: _Optional[_Union[SessionState, _Mapping]] = ..., handoff: _Optional[_Union[HandoffDocument, _Mapping]] = ...) -> None: ...

class GetRequest(_message.Message):
    __slots__ = ("which", "checkpoints")
    WHICH_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    which: Which
    checkpoints: int
    def __init__(self, which: _Optional[_Union[Which, _Mapping]] = ..., checkpoints: _Optional[int] = ...) -> None: ...

class GetResponse(_message.Message):
    __slots__ = ("session", "checkpoints")
    SESSION_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    session: SessionState
    checkpoints: _containers.RepeatedCompositeFieldContainer[CheckpointRecord]
    def __init__(self, session: _Optional[_Union[SessionState, _Mapping]] = ..., checkpoints: _Optional[_Iterable[_Union[CheckpointRecord, _Mapping]]] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ("project", "state", "limit", "cursor")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    project: str
    state: str
    limit: int
    cursor: str
    def __init__(self, project: _Optional[str] = ..., state: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ("sessions", "next_cursor")
    SESSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    sessions: _containers.RepeatedCompositeFieldContainer[SessionState]
    next_cursor: str
    def __init__(self, sessions: _Optional[_Iterable[_Union[SessionState, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class GetHandoffRequest(_message.Message):
    __slots__ = ("session_id", "project")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    project: str
    def __init__(self, session_id: _Optional[str] = ..., project: _Optional[str] = ...) -> None: ...

class Owed(_message.Message):
    __slots__ = ("id", "session_id", "kind", "payload", "created_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    session_id: str
    kind: str
    payload: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., session_id: _Optional[str] = ..., kind: _Optional[str] = ..., payload: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OweRequest(_message.Message):
    __slots__ = ("which", "id", "kind", "payload")
    WHICH_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    which: Which
    id: str
    kind: str
    payload: str
    def __init__(self, which: _Optional[_Union[Which, _Mapping]] = ..., id: _Optional[str] = ..., kind: _Optional[str] = ..., payload: _Optional[str] = ...) -> None: ...

class OweResponse(_message.Message):
    __slots__ = ("owed",)
    OWED_FIELD_NUMBER: _ClassVar[int]
    owed: Owed
    def __init__(self, owed: _Optional[_Union[Owed, _Mapping]] = ...) -> None: ...

class PaidRequest(_message.Message):
    __slots__ = ("session_id", "id")
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    session_id: str
    id: str
    def __init__(self, session_id: _Optional[str] = ..., id: _Optional[str] = ...) -> None: ...

class PaidResponse(_message.Message):
    __slots__ = ("paid",)
    PAID_FIELD_NUMBER: _ClassVar[int]
    paid: bool
    def __init__(self, paid: _Optional[bool] = ...) -> None: ...

class ListPendingRequest(_message.Message):
    __slots__ = ("limit",)
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    limit: int
    def __init__(self, limit: _Optional[int] = ...) -> None: ...

class ListPendingResponse(_message.Message):
    __slots__ = ("pending",)
    PENDING_FIELD_NUMBER: _ClassVar[int]
    pending: _containers.RepeatedCompositeFieldContainer[Owed]
    def __init__(self, pending: _Optional[_Iterable[_Union[Owed, _Mapping]]] = ...) -> None: ...

class Rule(_message.Message):
    __slots__ = ("id", "operation", "pattern", "scope", "decision", "level", "source", "project", "session_id", "created_at", "expires_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    PATTERN_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    id: str
    operation: str
    pattern: str
    scope: str
    decision: str
    level: str
    source: str
    project: str
    session_id: str
    created_at: _timestamp_pb2.Timestamp
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., operation: _Optional[str] = ..., pattern: _Optional[str] = ..., scope: _Optional[str] = ..., decision: _Optional[str] = ..., level: _Optional[str] = ..., source: _Optional[str] = ..., project: _Optional[str] = ..., session_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CheckPermissionRequest(_message.Message):
    __slots__ = ("operation", "target", "which", "project", "root")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    WHICH_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    operation: str
    target: str
    which: Which
    project: str
    root: str
    def __init__(self, operation: _Optional[str] = ..., target: _Optional[str] = ..., which: _Optional[_Union[Which, _Mapping]] = ..., project: _Optional[str] = ..., root: _Optional[str] = ...) -> None: ...

class CheckPermissionResponse(_message.Message):
    __slots__ = ("decision", "security_level", "reason", "rule")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SECURITY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    decision: str
    security_level: str
    reason: str
    rule: Rule
    def __init__(self, decision: _Optional[str] = ..., security_level: _Optional[str] = ..., reason: _Optional[str] = ..., rule: _Optional[_Union[Rule, _Mapping]] = ...) -> None: ...

class RecordPermissionRequest(_message.Message):
    __slots__ = ("operation", "target", "decision", "scope", "expires_in_s", "which", "project", "root", "operation_id")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_IN_S_FIELD_NUMBER: _ClassVar[int]
    WHICH_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    operation: str
    target: str
    decision: str
    scope: str
    expires_in_s: float
    which: Which
    project: str
    root: str
    operation_id: str
    def __init__(self, operation: _Optional[str] = ..., target: _Optional[str] = ..., decision: _Optional[str] = ..., scope: _Optional[str] = ..., expires_in_s: _Optional[float] = ..., which: _Optional[_Union[Which, _Mapping]] = ..., project: _Optional[str] = ..., root: _Optional[str] = ..., operation_id: _Optional[str] = ...) -> None: ...

class RecordPermissionResponse(_message.Message):
    __slots__ = ("rule",)
    RULE_FIELD_NUMBER: _ClassVar[int]
    rule: Rule
    def __init__(self, rule: _Optional[_Union[Rule, _Mapping]] = ...) -> None: ...

class PermissionStatusRequest(_message.Message):
    __slots__ = ("project", "history")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    project: str
    history: int
    def __init__(self, project: _Optional[str] = ..., history: _Optional[int] = ...) -> None: ...

class AuditLine(_message.Message):
    __slots__ = ("at", "action", "operation", "target", "project", "session_id", "decision", "level", "reason", "rule_id")
    AT_FIELD_NUMBER: _ClassVar[int]
    ACTION_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    action: str
    operation: str
    target: str
    project: str
    session_id: str
    decision: str
    level: str
    reason: str
    rule_id: str
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., action: _Optional[str] = ..., operation: _Optional[str] = ..., target: _Optional[str] = ..., project: _Optional[str] = ..., session_id: _Optional[str] = ..., decision: _Optional[str] = ..., level: _Optional[str] = ..., reason: _Optional[str] = ..., rule_id: _Optional[str] = ...) -> None: ...

class PermissionStatusResponse(_message.Message):
    __slots__ = ("trusted_operations", "auto_approve_patterns", "history", "security_level", "rules")
    TRUSTED_OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    AUTO_APPROVE_PATTERNS_FIELD_NUMBER: _ClassVar[int]
    HISTORY_FIELD_NUMBER: _ClassVar[int]
    SECURITY_LEVEL_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    trusted_operations: _containers.RepeatedScalarFieldContainer[str]
    auto_approve_patterns: _containers.RepeatedScalarFieldContainer[str]
    history: _containers.RepeatedCompositeFieldContainer[AuditLine]
    security_level: str
    rules: _containers.RepeatedCompositeFieldContainer[Rule]
    def __init__(self, trusted_operations: _Optional[_Iterable[str]] = ..., auto_approve_patterns: _Optional[_Iterable[str]] = ..., history: _Optional[_Iterable[_Union[AuditLine, _Mapping]]] = ..., security_level: _Optional[str] = ..., rules: _Optional[_Iterable[_Union[Rule, _Mapping]]] = ...) -> None: ...

class RevokePermissionRequest(_message.Message):
    __slots__ = ("rule_id", "all", "project", "operation_id")
    RULE_ID_FIELD_NUMBER: _ClassVar[int]
    ALL_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    rule_id: str
    all: bool
    project: str
    operation_id: str
    def __init__(self, rule_id: _Optional[str] = ..., all: _Optional[bool] = ..., project: _Optional[str] = ..., operation_id: _Optional[str] = ...) -> None: ...

class RevokePermissionResponse(_message.Message):
    __slots__ = ("revoked",)
    REVOKED_FIELD_NUMBER: _ClassVar[int]
    revoked: int
    def __init__(self, revoked: _Optional[int] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("parts", "active_sessions")
    class PartsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Part
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Part, _Mapping]] = ...) -> None: ...
    PARTS_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_SESSIONS_FIELD_NUMBER: _ClassVar[int]
    parts: _containers.MessageMap[str, Part]
    active_sessions: int
    def __init__(self, parts: _Optional[_Mapping[str, Part]] = ..., active_sessions: _Optional[int] = ...) -> None: ...

class Part(_message.Message):
    __slots__ = ("status", "reason")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    status: str
    reason: str
    def __init__(self, status: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...
