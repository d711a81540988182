#include "edge/cache_heads.h"

#include "base/strings.h"
#include "http/h1_writer.h"

namespace fairlead::edge {

namespace {

using http::Field;
using http::FieldId;

std::string_view connection_value(std::span<const Field> fields, std::string& joined) {
  for (const Field& field : fields) {
    if (field.id != FieldId::kConnection) continue;
    if (!joined.empty()) joined += ',';
    joined += field.value;
  }
  return joined;
}

// Calls `visit(name, value, line)` for each field line of a stored head; `line` ends with "\r\n".
template <typename Visit>
void each_line(std::string_view head, Visit visit) {
  head.remove_prefix(std::min(head.find("\r\n") + 2, head.size()));  // the status line
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n") + 2);
    head.remove_prefix(line.size());
    const std::size_t colon = line.find(':');
    visit(line.substr(0, colon), trim(line.substr(colon + 1, line.size() - colon - 3)), line);
  }
}

bool may_have_body(std::uint16_t status) { return status >= 200 && status != 204 && status != 304; }

}  // namespace

std::string tags_of(const http::ResponseHead& head) {
  std::string tags;
  for (const Field& field : head.fields) {
    if (field.id != FieldId::kOther || !iequals(field.name, kTagsField)) continue;
    for (const std::string_view tag : split(field.value, ' ')) {
      if (tag.empty()) continue;
      if (!tags.empty()) tags += ' ';
      tags += tag;
    }
  }
  return tags;
}

std::string stored_head(const http::ResponseHead& head, const http::CacheDirectives& directives,
                        WallTime date) {
  std::string out;
  http::append_status_line(out, head.status);
  std::string joined;
  const std::string_view connection = connection_value(head.fields, joined);
  for (const Field& field : head.fields) {
    if (iequals(field.name, kTagsField)) continue;
    if (!http::is_stored_field(field, connection, directives)) continue;
    http::append_field(out, field.name, field.value);
  }
  if (!head.find(FieldId::kDate)) http::append_field(out, "Date", http_date(date));
  return out;
}

std::string freshened_head(std::string_view stored, const http::ResponseHead& not_modified) {
  std::string joined;
  const std::string_view connection = connection_value(not_modified.fields, joined);
  const auto replaces = [&](const Field& field) {
    return http::freshens(field) && http::is_stored_field(field, connection, {}) &&
           !iequals(field.name, kTagsField);
  };
  std::string out(stored.substr(0, stored.find("\r\n") + 2));
  each_line(stored, [&](std::string_view name, std::string_view, std::string_view line) {
    for (const Field& field : not_modified.fields) {
      if (iequals(field.name, name) && replaces(field)) return;
    }
    out += line;
  });
  for (const Field& field : not_modified.fields) {
    if (replaces(field)) http::append_field(out, field.name, field.value);
  }
  return out;
}

void append_answer(std::string& out, const CacheEntry& entry, std::uint16_t status,
                   std::optional<http::ByteRange> range, Duration age,
                   std::string_view cache_status) {
  const std::string_view head = entry.head();
  if (status == entry.status()) {
    out += head;
  } else {
    http::append_status_line(out, status);
    out += head.substr(head.find("\r\n") + 2);
  }
  const auto seconds = std::chrono::floor<std::chrono::seconds>(age).count();
  http::append_field(out, "Age", static_cast<std::uint64_t>(std::max<std::int64_t>(seconds, 0)));
  http::append_field(out, "Cache-Status", cache_status);
  if (status == 416) {
    http::append_field(out, "Content-Range", fmt::format("bytes */{}", entry.body_size()));
    http::append_field(out, "Content-Length", 0);
  } else if (range) {
    http::append_field(out, "Content-Range",
                       fmt::format("bytes {}-{}/{}", range->first, range->last, entry.body_size()));
    http::append_field(out, "Content-Length", range->last - range->first + 1);
  } else if (may_have_body(status)) {
    http::append_field(out, "Content-Length", entry.body_size());
  }
  http::append_head_end(out);
}

void append_passed(std::string& out, const http::ResponseHead& head, std::string_view cache_status,
                   bool as_not_modified) {
  http::append_status_line(out, as_not_modified ? 304 : head.status);
  for (const Field& field : head.fields) {
    if (iequals(field.name, kTagsField)) continue;
    if (as_not_modified &&
        (field.id == FieldId::kContentLength || field.id == FieldId::kTransferEncoding)) {
      continue;
    }
    http::append_field(out, field.name, field.value);
  }
  if (!cache_status.empty()) http::append_field(out, "Cache-Status", cache_status);
  http::append_head_end(out);
}

void split_answer(std::string_view head, std::vector<Field>& fields) {
  fields.clear();
  head.remove_prefix(head.find('\n') + 1);
  while (head.size() > 2) {  // the empty line
    const std::size_t colon = head.find(':');
    const std::size_t end = head.find('\r', colon);
    const std::string_view name = head.substr(0, colon);
    // "name: value\r\n", "name:\r\n" if the value is empty and was written so.
    const std::size_t value = std::min(colon + 2, end);
    fields.push_back({name, head.substr(value, end - value), http::field_id(name)});
    head.remove_prefix(end + 2);
  }
}

std::vector<Field> unconditional(const http::RequestHead& head) {
  std::vector<Field> fields;
  for (const Field& field : head.fields) {
    const bool asks = field.id == FieldId::kIfNoneMatch || field.id == FieldId::kIfModifiedSince ||
                      field.id == FieldId::kRange || iequals(field.name, "if-range");
    if (!asks) fields.push_back(field);
  }
  return fields;
}

bool is_conditional(const http::RequestHead& head) {
  for (const Field& field : head.fields) {
    if (field.id == FieldId::kIfNoneMatch || field.id == FieldId::kIfModifiedSince ||
        field.id == FieldId::kRange) {
      return true;
    }
  }
  return false;
}

bool add_validators(std::string& request, const CacheEntry& entry) {
  std::string fields;
  const std::string_view etag = stored_field(entry.head(), "etag");
  const std::string_view modified = stored_field(entry.head(), "last-modified");
  if (!etag.empty()) http::append_field(fields, "If-None-Match", etag);
  if (!modified.empty()) http::append_field(fields, "If-Modified-Since", modified);
  request.insert(request.size() - 2, fields);
  return !fields.empty();
}

std::string_view stored_field(std::string_view head, std::string_view wanted) {
  std::string_view found;
  each_line(head, [&](std::string_view name, std::string_view value, std::string_view) {
    if (found.empty() && iequals(name, wanted)) found = value;
  });
  return found;
}

}  // namespace fairlead::edge
