"""The sets of tools that a setting chooses from. The settings are read before FastMCP, which takes long to import."""

from __future__ import annotations

from collections.abc import Mapping

CORE = frozenset({"init", "store_reflection", "reflect_on_past", "get_memory", "update_memory", "end"})
"""Begin, remember, recall, read, correct, end: what every conversation may need. The others are found by a search."""
SETS: Mapping[str, frozenset[str]] = {
    "core": CORE,
    "sessions": frozenset({"checkpoint", "status", "list_sessions"}),
    "search": frozenset(
        {
            *("advanced_search", "quick_search", "get_more_results"),
            *("search_by_file", "search_by_concept", "list_memories", "reflection_stats"),
        }
    ),
    "memory": frozenset({"store_conversation", "withdraw", "delete_conversations", "undelete", "share_memory"}),
    "projects": frozenset(
        {"list_projects", "name_project", "link_projects", "unlink_projects", "list_project_links"},
    ),
    "permissions": frozenset({"check_permission", "record_permission", "permission_status", "revoke_permission"}),
    "quality": frozenset({"quality_check", "quality_history", "answer_recommendation"}),
    "operations": frozenset({"health_check", "system_metrics"}),
}
"""The sets of tools that a setting chooses from; each tool is in one."""
