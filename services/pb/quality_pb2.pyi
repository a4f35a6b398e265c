import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CheckRequest(_message.Message):
    __slots__ = ("working_directory", "evidence", "run_tools", "permissions", "project", "operation_id", "kind")
    WORKING_DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    RUN_TOOLS_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    working_directory: str
    evidence: str
    run_tools: bool
    permissions: PermissionFacts
    project: str
    operation_id: str
    kind: str
    def __init__(self, working_directory: _Optional[str] = ..., evidence: _Optional[str] = ..., run_tools: _Optional[bool] = ..., permissions: _Optional[_Union[PermissionFacts, _Mapping]] = ..., project: _Optional[str] = ..., operation_id: _Optional[str] = ..., kind: _Optional[str] = ...) -> None: ...

class PermissionFacts(_message.Message):
    __slots__ = ("rules", "broad_rules")
    RULES_FIELD_NUMBER: _ClassVar[int]
    BROAD_RULES_FIELD_NUMBER: _ClassVar[int]
    rules: int
    broad_rules: int
    def __init__(self, rules: _Optional[int] = ..., broad_rules: _Optional[int] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("report", "recorded")
    REPORT_FIELD_NUMBER: _ClassVar[int]
    RECORDED_FIELD_NUMBER: _ClassVar[int]
    report: Report
    recorded: RecordResponse
    def __init__(self, report: _Optional[_Union[Report, _Mapping]] = ..., recorded: _Optional[_Union[RecordResponse, _Mapping]] = ...) -> None: ...

class CheckUpdate(_message.Message):
    __slots__ = ("progress", "response")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    response: CheckResponse
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., response: _Optional[_Union[CheckResponse, _Mapping]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("done", "total", "message")
    DONE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    done: int
    total: int
    message: str
    def __init__(self, done: _Optional[int] = ..., total: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("overall_score", "project_health", "permissions_score", "tools_availability", "git_status", "dependency_status", "components", "evidence_coverage", "recommendations", "runs", "cached", "took_ms")
    OVERALL_SCORE_FIELD_NUMBER: _ClassVar[int]
    PROJECT_HEALTH_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_SCORE_FIELD_NUMBER: _ClassVar[int]
    TOOLS_AVAILABILITY_FIELD_NUMBER: _ClassVar[int]
    GIT_STATUS_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCY_STATUS_FIELD_NUMBER: _ClassVar[int]
    COMPONENTS_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    RECOMMENDATIONS_FIELD_NUMBER: _ClassVar[int]
    RUNS_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    TOOK_MS_FIELD_NUMBER: _ClassVar[int]
    overall_score: float
    project_health: float
    permissions_score: float
    tools_availability: float
    git_status: str
    dependency_status: str
    components: _containers.RepeatedCompositeFieldContainer[Component]
    evidence_coverage: float
    recommendations: _containers.RepeatedCompositeFieldContainer[Recommendation]
    runs: _containers.RepeatedCompositeFieldContainer[ToolRun]
    cached: bool
    took_ms: float
    def __init__(self, overall_score: _Optional[float] = ..., project_health: _Optional[float] = ..., permissions_score: _Optional[float] = ..., tools_availability: _Optional[float] = ..., git_status: _Optional[str] = ..., dependency_status: _Optional[str] = ..., components: _Optional[_Iterable[_Union[Component, _Mapping]]] = ..., evidence_coverage: _Optional[float] = ..., recommendations: _Optional[_Iterable[_Union[Recommendation, _Mapping]]] = ..., runs: _Optional[_Iterable[_Union[ToolRun, _Mapping]]] = ..., cached: _Optional[bool] = ..., took_ms: _Optional[float] = ...) -> None: ...

class Component(_message.Message):
    __slots__ = ("name", "group", "value", "unit", "weight", "points", "measured", "source", "measured_at", "age_s", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    GROUP_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    WEIGHT_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    MEASURED_AT_FIELD_NUMBER: _ClassVar[int]
    AGE_S_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    group: str
    value: float
    unit: str
    weight: float
    points: float
    measured: bool
    source: str
    measured_at: _timestamp_pb2.Timestamp
    age_s: float
    detail: str
    def __init__(self, name: _Optional[str] = ..., group: _Optional[str] = ..., value: _Optional[float] = ..., unit: _Optional[str] = ..., weight: _Optional[float] = ..., points: _Optional[float] = ..., measured: _Optional[bool] = ..., source: _Optional[str] = ..., measured_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., age_s: _Optional[float] = ..., detail: _Optional[str] = ...) -> None: ...

class Recommendation(_message.Message):
    __slots__ = ("component", "text", "points", "measured")
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    MEASURED_FIELD_NUMBER: _ClassVar[int]
    component: str
    text: str
    points: float
    measured: bool
    def __init__(self, component: _Optional[str] = ..., text: _Optional[str] = ..., points: _Optional[float] = ..., measured: _Optional[bool] = ...) -> None: ...

class ToolRun(_message.Message):
    __slots__ = ("tool", "outcome", "took_s", "detail")
    TOOL_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    TOOK_S_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    tool: str
    outcome: str
    took_s: float
    detail: str
    def __init__(self, tool: _Optional[str] = ..., outcome: _Optional[str] = ..., took_s: _Optional[float] = ..., detail: _Optional[str] = ...) -> None: ...

class RecordRequest(_message.Message):
    __slots__ = ("project", "operation_id", "kind", "timestamp", "overall_score", "project_health", "permissions_score", "tools_availability", "evidence_coverage", "commit")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    OVERALL_SCORE_FIELD_NUMBER: _ClassVar[int]
    PROJECT_HEALTH_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_SCORE_FIELD_NUMBER: _ClassVar[int]
    TOOLS_AVAILABILITY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    project: str
    operation_id: str
    kind: str
    timestamp: _timestamp_pb2.Timestamp
    overall_score: float
    project_health: float
    permissions_score: float
    tools_availability: float
    evidence_coverage: float
    commit: str
    def __init__(self, project: _Optional[str] = ..., operation_id: _Optional[str] = ..., kind: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., overall_score: _Optional[float] = ..., project_health: _Optional[float] = ..., permissions_score: _Optional[float] = ..., tools_availability: _Optional[float] = ..., evidence_coverage: _Optional[float] = ..., commit: _Optional[str] = ...) -> None: ...

class RecordResponse(_message.Message):
    __slots__ = ("duplicate", "delta", "events")
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    DELTA_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    duplicate: bool
    delta: float
    events: _containers.RepeatedCompositeFieldContainer[ThresholdEvent]
    def __init__(self, duplicate: _Optional[bool] = ..., delta: _Optional[float] = ..., events: _Optional[_Iterable[_Union[ThresholdEvent, _Mapping]]] = ...) -> None: ...

class ThresholdEvent(_message.Message):
    __slots__ = ("threshold", "direction", "timestamp")
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    threshold: float
    direction: str
    timestamp: _timestamp_pb2.Timestamp
    def __init__(self, threshold: _Optional[float] = ..., direction: _Optional[str] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class HistoryRequest(_message.Message):
    __slots__ = ("project", "limit")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    project: str
    limit: int
    def __init__(self, project: _Optional[str] = ..., limit: _Optional[int] = ...) -> None: ...

class HistoryResponse(_message.Message):
    __slots__ = ("points", "trend", "forecast", "events")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    TREND_FIELD_NUMBER: _ClassVar[int]
    FORECAST_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[Point]
    trend: Trend
    forecast: Forecast
    events: _containers.RepeatedCompositeFieldContainer[ThresholdEvent]
    def __init__(self, points: _Optional[_Iterable[_Union[Point, _Mapping]]] = ..., trend: _Optional[_Union[Trend, _Mapping]] = ..., forecast: _Optional[_Union[Forecast, _Mapping]] = ..., events: _Optional[_Iterable[_Union[ThresholdEvent, _Mapping]]] = ...) -> None: ...

class Point(_message.Message):
    __slots__ = ("timestamp", "overall_score", "project_health", "permissions_score", "tools_availability", "evidence_coverage", "commit", "kind", "operation_id")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    OVERALL_SCORE_FIELD_NUMBER: _ClassVar[int]
    PROJECT_HEALTH_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_SCORE_FIELD_NUMBER: _ClassVar[int]
    TOOLS_AVAILABILITY_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    OPERATION_ID_FIELD_NUMBER: _ClassVar[int]
    timestamp: _timestamp_pb2.Timestamp
    overall_score: float
    project_health: float
    permissions_score: float
    tools_availability: float
    evidence_coverage: float
    commit: str
    kind: str
    operation_id: str
    def __init__(self, timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., overall_score: _Optional[float] = ..., project_health: _Optional[float] = ..., permissions_score: _Optional[float] = ..., tools_availability: _Optional[float] = ..., evidence_coverage: _Optional[float] = ..., commit: _Optional[str] = ..., kind: _Optional[str] = ..., operation_id: _Optional[str] = ...) -> None: ...

class Trend(_message.Message):
    __slots__ = ("direction", "slope_per_day", "slope_low", "slope_high")
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    SLOPE_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    SLOPE_LOW_FIELD_NUMBER: _ClassVar[int]
    SLOPE_HIGH_FIELD_NUMBER: _ClassVar[int]
    direction: str
    slope_per_day: float
    slope_low: float
    slope_high: float
    def __init__(self, direction: _Optional[str] = ..., slope_per_day: _Optional[float] = ..., slope_low: _Optional[float] = ..., slope_high: _Optional[float] = ...) -> None: ...

class Forecast(_message.Message):
    __slots__ = ("timestamp", "overall_score", "low", "high")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    OVERALL_SCORE_FIELD_NUMBER: _ClassVar[int]
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    timestamp: _timestamp_pb2.Timestamp
    overall_score: float
    low: float
    high: float
    def __init__(self, timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., overall_score: _Optional[float] = ..., low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class HealthRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class HealthResponse(_message.Message):
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
