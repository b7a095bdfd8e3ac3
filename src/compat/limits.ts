/** Characters of a migration info document. */
export const MAX_DOCUMENT = 4_194_304;

/** Objects and lists within one another in a document, members that nobody knows included. */
export const MAX_DEPTH = 16;

/** Values in a document: members of all objects and entries of all lists. */
export const MAX_ENTRIES = 65_536;

/** Device models in a document. */
export const MAX_MODELS = 1024;

/** Parameters of a model. */
export const MAX_PARAMETERS = 1024;

/** Entries of one list of allowed values, and values that a rule lists for a parameter. */
export const MAX_ALLOWED_VALUES = 4096;

/** Versions of a model, its profiles counted. */
export const MAX_VERSIONS = 1024;

/** Profiles of a model. */
export const MAX_PROFILES = 256;

/** Rules (`x-constraints`) of a model. */
export const MAX_CONSTRAINTS = 256;

/** Boxes that a rule, or several rules together, are resolved into; beyond, nothing is proven by them. */
export const MAX_BOXES = 256;

/** Bytes of a device model string. */
export const MAX_MODEL_NAME = 1024;

/** Bytes of the name of a parameter, which is that of a file under sysfs. */
export const MAX_PARAMETER_NAME = 255;

/** Bytes of a version string, and of the name of a profile. */
export const MAX_VERSION = 256;

/** Bytes of a value that is text. */
export const MAX_TEXT_VALUE = 4096;

/** Bytes of a parameter's description. */
export const MAX_DESCRIPTION = 16_384;

/** Decimal digits of a whole number: far beyond 64 bits. */
export const MAX_DIGITS = 40;

/** Errors of one document that are told, and as many warnings. */
export const MAX_FINDINGS = 100;

/** Bytes of the text of a migration parameter list. */
export const MAX_LIST = 1_048_576;

/** Lists of each kind (profiles, initial values) that a choice tries as a whole. */
export const MAX_CANDIDATES = 32;

/** Boxes of rules that one choice holds against what is possible. */
export const MAX_SEARCH_STEPS = 1_048_576;
