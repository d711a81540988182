// Heads on their way into the cache, out of it, and past it. All are HTTP/1.1 text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "edge/cache_entry.h"
#include "http/conditional.h"
#include "http/head.h"

namespace fairlead::edge {

// The field that names a response's tags, for purging by tag; it ends here.
inline constexpr std::string_view kTagsField = "surrogate-key";
// The tags, separated by single spaces.
std::string tags_of(const http::ResponseHead& head);

// What is kept of a response: status line and fields, without the empty line. `date` is written
// where the origin sent none (RFC 9110 §6.6.1).
std::string stored_head(const http::ResponseHead& head, const http::CacheDirectives& directives,
                        WallTime date);
// What `stored` becomes by a 304, RFC 9111 §3.2.
std::string freshened_head(std::string_view stored, const http::ResponseHead& not_modified);

// Appends a whole head that answers from `entry`: all of it, `range` of it, or with `status` 304
// or 416 nothing. `cache_status` is our member of Cache-Status.
void append_answer(std::string& out, const CacheEntry& entry, std::uint16_t status,
                   std::optional<http::ByteRange> range, Duration age,
                   std::string_view cache_status);
// Appends `head` as it came but for the tags, with our Cache-Status unless that is "". With
// `as_not_modified` it becomes the 304 that the client asked for.
void append_passed(std::string& out, const http::ResponseHead& head, std::string_view cache_status,
                   bool as_not_modified);

// The fields of a head that append_answer() wrote: it is known to be well formed, so this is much
// cheaper than to parse it. Views into `head`.
void split_answer(std::string_view head, std::vector<http::Field>& fields);

// The request's fields without those that would make the origin's answer less than whole: the cache
// answers them itself.
std::vector<http::Field> unconditional(const http::RequestHead& head);
// Whether there are such fields.
bool is_conditional(const http::RequestHead& head);
// Appends If-None-Match or If-Modified-Since for what is stored before the empty line of `request`.
// False if it has nothing to ask with.
bool add_validators(std::string& request, const CacheEntry& entry);

// Whether a stored head has a field of that name; its value, "" if not.
std::string_view stored_field(std::string_view head, std::string_view name);

}  // namespace fairlead::edge
