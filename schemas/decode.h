/*
 * decode.h - foreign bytes into a struct, along a bound schema; limits in codec.h.
 */
#pragma once

#include "bind.h"
#include "codec.h"

/* Avro binary from byte `from` of `bytes` to its end, exactly.  `*ret_value` is a fresh
 * struct of the bound shape, untouched on failure.  Errors name the field and the byte, and
 * never what stands there. */
enum decoded decode_binary(const struct bound *bound, const uint8_t *bytes, size_t length,
                           size_t from, void **ret_value, GError **error);
