// Bounds of the mapping of foreign devices: whatever a payload holds, a message costs at most this much.

/** Characters and levels of a topic or a pattern. */
export const MAX_TOPIC_CHARACTERS = 256;
export const MAX_TOPIC_LEVELS = 16;
export const MAX_JSON_PATH_CHARACTERS = 256;
export const MAX_JSON_PATH_SEGMENTS = 16;
/** Levels of a payload that are looked into. */
export const MAX_MAPPED_DEPTH = 8;
/** Nodes of a payload that are looked at. */
export const MAX_MAPPED_NODES = 4_096;
/** Of all the names on the way to a value: each of the values is called by all of them. */
export const MAX_MAPPED_NAME_CHARACTERS = 256;
/** Numbers taken from one message. */
export const MAX_MAPPED_VALUES = 256;
/** Rules of one table, and values of one rule. */
export const MAX_MAPPING_RULES = 64;
export const MAX_VALUES_PER_RULE = 64;
/** Values of a message that were left out and are named; the others are counted. */
export const MAX_LEFT_OUT_NAMED = 8;
/** Values that one discovery message of Home Assistant may tell of. */
export const MAX_DISCOVERED_PER_MESSAGE = 64;
/** Where a value is in a message, in the words of Home Assistant: a JSON path, and what stands around it. */
export const MAX_TEMPLATE_CHARACTERS = 2 * MAX_JSON_PATH_CHARACTERS;
/** Name of a value, for people. */
export const MAX_LABEL_CHARACTERS = 80;
