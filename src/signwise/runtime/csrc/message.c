/* The one table of messages. */
#include "signwise.h"

static const char *const sw_messages[SW_STATUS_COUNT] = {
    [SW_OK] = "no error",
    [SW_BAD_ARGUMENT] = "a pointer is null or a number is out of its range",
    [SW_BAD_ALIGNMENT] = "memory or file is not aligned to 64 bytes",
    [SW_BAD_MEMORY] = "less memory was given than sw_measure says",
    [SW_BAD_TARGET] = "this library or this machine lacks the target",
    [SW_BAD_THREADS] = "the threads could not be started",
    [SW_BAD_MAGIC] = "this is not a .swn file",
    [SW_BAD_VERSION] = "the file has another version of the format",
    [SW_BAD_LENGTH] = "the file is shorter or longer than it says",
    [SW_BAD_CHECKSUM] = "the checksum does not match: the file is damaged",
    [SW_BAD_TABLES] = "the tables do not fit the file, or one is too large",
    [SW_BAD_VALUE] = "a value has an unknown kind, or a size that is zero or too large",
    [SW_BAD_OPERATION] = "an operation is unknown, or has too many or too few inputs or outputs",
    [SW_BAD_REFERENCE] = "a value is used before it is made or after its last use, or given out twice",
    [SW_BAD_ATTRIBUTE] = "an attribute is out of its range",
    [SW_BAD_CONSTANT] = "a constant is missing, does not belong here, or has the wrong type, size or content",
    [SW_BAD_SHAPE] = "a value's kind or shape is not what its operation gives or takes",
    [SW_BAD_SLOT] = "two values that are needed at once share a slot",
};

const char *sw_message(int status) {
    return status >= 0 && status < SW_STATUS_COUNT ? sw_messages[status] : "unknown status";
}
