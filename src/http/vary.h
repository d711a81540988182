// Which requests a stored response answers: the secondary cache key, RFC 9111 §4.1.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "http/head.h"

namespace fairlead::http {

// True if a Vary field holds "*", or what can be no field's name: no other request can be known to
// get the same response.
bool varies_on_everything(std::span<const Field> response);

// The request's fields that the response's Vary names, normalised, as text: "name:value\n" each;
// "" without Vary. Values of several lines are joined, white space around commas is dropped; of
// Accept, Accept-Encoding, Accept-Language and Accept-Charset neither order nor case matter.
std::string vary_key(std::span<const Field> response, std::span<const Field> request);

// Whether a request selects the response stored with `key`. `content_language` (of the response,
// may be empty) makes up for a differing Accept-Language if it is what the request likes best.
// `scratch` is overwritten.
bool selects(std::string_view key, std::string_view content_language,
             std::span<const Field> request, std::string& scratch);

}  // namespace fairlead::http
