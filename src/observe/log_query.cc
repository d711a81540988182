#include "observe/log_query.h"

#include <string.h>

#include "base/strings.h"

namespace fairlead::observe {
namespace {

std::int64_t microseconds(WallTime time) {
  return std::chrono::floor<std::chrono::microseconds>(time).time_since_epoch().count();
}

void make_lower(std::string& text) {
  for (char& c : text) c = ascii_lower(c);
}

// `term` in `text`, bounded as LogQuery::terms says; both in lower case.
bool has_term(std::string_view text, std::string_view term) {
  for (std::size_t at = 0;;) {
    const void* const found =
        ::memmem(text.data() + at, text.size() - at, term.data(), term.size());
    if (found == nullptr) return false;
    at = static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    const std::size_t end = at + term.size();
    const bool cut_before = at > 0 && is_word_byte(text[at - 1]) && is_word_byte(term.front());
    const bool cut_after =
        end < text.size() && is_word_byte(text[end]) && is_word_byte(term.back());
    if (!cut_before && !cut_after) return true;
    ++at;
  }
}

}  // namespace

std::vector<std::string> parse_terms(std::string_view text) {
  std::vector<std::string> terms;
  while (!(text = trim(text)).empty()) {
    const bool quoted = text.front() == '"';
    if (quoted) text.remove_prefix(1);
    const std::size_t end =
        std::min(quoted ? text.find('"') : text.find_first_of(" \t"), text.size());
    if (end > 0) terms.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + (quoted ? 1 : 0), text.size()));
  }
  return terms;
}

LogSearch::LogSearch(LogQuery query) : query_(std::move(query)) {
  if (query_.from) from_ = microseconds(*query_.from);
  if (query_.to) to_ = microseconds(*query_.to);
  look_for(IndexedField::kRequest, query_.request_id);
  std::erase_if(query_.terms, [](const std::string& term) { return term.empty(); });
  for (std::string& term : query_.terms) {
    make_lower(term);
    for_each_word(term, [&](WordHash word) { groups_.push_back({word}); });
  }
  // The longest first: it is the one that most lines do not have.
  std::ranges::sort(query_.terms, std::ranges::greater(), &std::string::size);
  if (query_.status_from != 0) {
    auto& group = groups_.emplace_back();
    if (query_.status_from == query_.status_to)
      group.push_back(field_hash(IndexedField::kStatus, query_.status_from));
    else
      for (unsigned n = query_.status_from / 100; n <= query_.status_to / 100u; ++n)
        group.push_back(field_hash(IndexedField::kStatusClass, n));
  }
  if (query_.least_level) {
    auto& group = groups_.emplace_back();
    for (auto n = static_cast<unsigned>(*query_.least_level);
         n <= static_cast<unsigned>(Level::kError); ++n)
      group.push_back(field_hash(IndexedField::kLevel, n));
  }
  look_for(IndexedField::kApp, query_.app);
  look_for(IndexedField::kEnvironment, query_.environment);
  look_for(IndexedField::kRelease, query_.release);
  look_for(IndexedField::kReplica, query_.replica);
  look_for(IndexedField::kSource, query_.source);
}

void LogSearch::look_for(IndexedField field, const std::string& value) {
  if (!value.empty()) groups_.push_back({field_hash(field, value)});
}

Result<BlockSet> LogSearch::candidates(const SegmentView& segment) const {
  BlockSet found(segment.blocks().size(), true);
  for (const auto& group : groups_) {
    BlockSet any(segment.blocks().size());
    for (const WordHash word : group) {
      TRY(const BlockSet blocks, segment.with(word));
      any |= blocks;
    }
    found &= any;
    if (found.empty()) break;
  }
  return found;
}

Result<> LogSearch::search(const SegmentView& segment, const Block& block, std::uint64_t after,
                           std::uint64_t before, std::vector<LogLine>& found) const {
  if (block.end() <= after + 1 || block.first >= before) return {};
  if (block.latest < from_ || block.earliest >= to_) return {};
  TRY(const std::string frames, segment.read(block));
  return search_frames(segment, frames, after, before, found);
}

Result<> LogSearch::search_frames(const SegmentView& segment, const std::string& frames,
                                  std::uint64_t after, std::uint64_t before,
                                  std::vector<LogLine>& found) const {
  // One pass over all bytes tells whether the longest term is there at all: most blocks that the
  // filter let through by mistake end here, before anything is decoded.
  std::string lower;
  if (!query_.terms.empty()) {
    lower = frames;
    make_lower(lower);
    const std::string& term = query_.terms.front();
    if (::memmem(lower.data(), lower.size(), term.data(), term.size()) == nullptr) return {};
  }
  std::vector<bool> wanted(segment.streams().size());
  for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = matches(*segment.streams()[i]);

  const auto visit = [&](std::string_view payload, std::uint64_t) -> Result<> {
    FrameReader reader(payload);
    while (const FrameEntry* entry = reader.next()) {
      if (entry->kind != FrameEntry::kLine) continue;
      if (entry->sequence <= after || entry->sequence >= before) continue;
      if (entry->stream >= wanted.size())
        return fail(Code::kProtocol, "a line of an unknown stream");
      if (!wanted[entry->stream]) continue;
      const auto offset = static_cast<std::size_t>(entry->text.data() - frames.data());
      const std::string_view text =
          lower.empty() ? entry->text : std::string_view(lower).substr(offset, entry->text.size());
      if (!matches(*entry, text)) continue;
      found.push_back({entry->sequence, WallTime(std::chrono::microseconds(entry->microseconds)),
                       segment.streams()[entry->stream], entry->level, entry->status,
                       std::string(entry->request_id), std::string(entry->text)});
    }
    return reader.ok() ? Result<>() : fail(Code::kProtocol, "a frame that cannot be read");
  };
  const auto whole = read_frames(frames, 0, false, visit);
  if (!whole) return fail(whole.error());
  return {};
}

bool LogSearch::matches(const LogLabels& labels) const {
  const auto is = [](const std::string& wanted, const std::string& label) {
    return wanted.empty() || wanted == label;
  };
  return is(query_.app, labels.app) && is(query_.environment, labels.environment) &&
         is(query_.release, labels.release) && is(query_.replica, labels.replica) &&
         is(query_.source, labels.source);
}

bool LogSearch::matches(const FrameEntry& line, std::string_view lower_text) const {
  if (line.microseconds < from_ || line.microseconds >= to_) return false;
  if (query_.least_level && (!line.level || *line.level < *query_.least_level)) return false;
  if (query_.status_from != 0 &&
      (line.status < query_.status_from || line.status > query_.status_to))
    return false;
  if (!query_.request_id.empty() && line.request_id != query_.request_id) return false;
  for (const std::string& term : query_.terms)
    if (!has_term(lower_text, term)) return false;
  return true;
}

}  // namespace fairlead::observe
