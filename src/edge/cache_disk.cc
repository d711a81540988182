#include "edge/cache_disk.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "base/file.h"
#include "base/strings.h"

namespace fairlead::edge {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFormat = "fairlead cache 1";

std::int64_t wall_nanoseconds(Instant instant) {
  return (wall_now() - (now() - instant)).time_since_epoch().count();
}
Instant instant_of(std::int64_t wall_nanoseconds) {
  return now() - (wall_now() - WallTime(Duration(wall_nanoseconds)));
}

// A line of numbers, then the texts, one behind the other: they may hold any bytes.
std::string write_head(const CacheEntry& entry, std::string_view environment) {
  const http::Freshness freshness = entry.freshness();
  const std::string_view texts[] = {environment, entry.key(), entry.vary(), entry.tags(),
                                    entry.head()};
  std::string out =
      fmt::format("{}\n{} {} {} {} {} {} {} {}", kFormat, entry.body_size(), entry.status(),
                  wall_nanoseconds(now() - entry.age(now())), freshness.lifetime,
                  freshness.stale_while_revalidate, freshness.stale_if_error,
                  freshness.validate_always ? 1 : 0, freshness.never_stale ? 1 : 0);
  for (const std::string_view text : texts) out += fmt::format(" {}", text.size());
  out += '\n';
  for (const std::string_view text : texts) out += text;
  return out;
}

struct Head {
  std::uint64_t body_size = 0;
  CacheDisk::Found found;
};
std::optional<Head> read_head(std::string_view text) {
  if (!text.starts_with(kFormat) || text.size() <= kFormat.size()) return std::nullopt;
  text.remove_prefix(kFormat.size() + 1);
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  std::uint64_t numbers[13];
  const auto words = split(text.substr(0, end), ' ');
  if (words.size() != std::size(numbers)) return std::nullopt;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto number = parse_unsigned(words[i]);
    if (!number) return std::nullopt;
    numbers[i] = *number;
  }
  text.remove_prefix(end + 1);
  Head head{.body_size = numbers[0], .found = {}};
  CacheEntryParts& parts = head.found.parts;
  parts.status = static_cast<std::uint16_t>(numbers[1]);
  parts.born = instant_of(static_cast<std::int64_t>(numbers[2]));
  parts.freshness = {.lifetime = static_cast<std::uint32_t>(numbers[3]),
                     .stale_while_revalidate = static_cast<std::uint32_t>(numbers[4]),
                     .stale_if_error = static_cast<std::uint32_t>(numbers[5]),
                     .validate_always = numbers[6] != 0,
                     .never_stale = numbers[7] != 0};
  std::string_view environment;
  std::string_view* const texts[] = {&environment, &parts.key, &parts.vary, &parts.tags,
                                     &parts.head};
  for (std::size_t i = 0; i < std::size(texts); ++i) {
    if (numbers[8 + i] > text.size()) return std::nullopt;
    *texts[i] = text.substr(0, numbers[8 + i]);
    text.remove_prefix(numbers[8 + i]);
  }
  head.found.environment = environment;
  return text.empty() ? std::optional(std::move(head)) : std::nullopt;
}

void remove_quietly(const fs::path& file) {
  std::error_code ignored;
  fs::remove(file, ignored);
}

}  // namespace

// ---- one file

CacheFile::CacheFile(CacheDisk& disk, std::string name, void* mapped, std::size_t size)
    : disk_(disk), name_(std::move(name)), mapped_(mapped), size_(size) {
  disk_.used_ += size_;
}

CacheFile::~CacheFile() { ::munmap(mapped_, size_); }

void CacheFile::left() {
  if (--entries_ > 0) return;
  disk_.used_ -= size_;
  ::unlink(disk_.head_file(name_).c_str());
  ::unlink(disk_.body_file(name_).c_str());
}

void CacheFile::forget() { ::unlink(disk_.head_file(name_).c_str()); }

// ---- the folder

CacheDisk::CacheDisk(fs::path folder, std::uint64_t budget,
                     std::function<void(std::string_view, const CacheBody*)> remove)
    : folder_(std::move(folder)),
      budget_(budget),
      remove_(std::move(remove)),
      next_(static_cast<std::uint64_t>(wall_now().time_since_epoch().count())),
      thread_("cache-disk") {}

CacheDisk::~CacheDisk() = default;

void CacheDisk::load(std::function<void(const Found&)> found) {
  thread_.submit([this, found = std::move(found)] {
    std::error_code ignored;
    std::vector<fs::path> heads, bodies;
    for (const auto& file : fs::directory_iterator(folder_, ignored))
      (file.path().extension() == ".head" ? heads : bodies).push_back(file.path());
    std::ranges::sort(heads);  // by age: names are times
    for (const fs::path& head : heads) load_one(head, found);
    for (const fs::path& body : bodies)
      if (!fs::exists(fs::path(body).replace_extension(".head"))) remove_quietly(body);
  });
}

void CacheDisk::load_one(const fs::path& file, const std::function<void(const Found&)>& found) {
  const std::string name = file.stem();
  const auto text = read_file(file, 1 << 20);
  auto head = text ? read_head(*text) : std::nullopt;
  CacheBodyPtr body = head ? map(name) : nullptr;
  if (!body || body->size != head->body_size) {
    body.reset();
    remove_quietly(file);
    remove_quietly(body_file(name));
    return;
  }
  head->found.parts.large_body = body;
  found(head->found);
  remember(head->found.parts.key, body);
}

CacheBodyPtr CacheDisk::map(const std::string& name) {
  const UniqueFd file(::open(body_file(name).c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0 || status.st_size == 0) return nullptr;
  const auto size = static_cast<std::size_t>(status.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto body = std::make_shared<CacheBody>();
  body->file = std::make_unique<CacheFile>(*this, name, mapped, size);
  body->size = size;
  return body;
}

void CacheDisk::remember(std::string_view key, const CacheBodyPtr& body) {
  known_.push_back({std::string(key), body});
  make_room();
}

// Whoever was asked for since the last look gets another round.
void CacheDisk::make_room() {
  for (std::size_t looks = 2 * known_.size(); used() > budget_ && looks > 0; --looks) {
    Known oldest = std::move(known_.front());
    known_.pop_front();
    const CacheBodyPtr body = oldest.body.lock();
    if (!body) continue;
    if (body->file->take_touch()) {
      known_.push_back(std::move(oldest));
    } else {
      remove_(oldest.key, body.get());
    }
  }
}

// ---- writing

std::unique_ptr<CacheDisk::Writing> CacheDisk::begin() {
  return std::make_unique<Writing>(*this, fmt::format("{:020}", next_.fetch_add(1)));
}

CacheDisk::Writing::~Writing() {
  if (finished_) return;
  disk_.thread_.submit([&disk = disk_, name = name_] { remove_quietly(disk.body_file(name)); });
}

bool CacheDisk::Writing::append(std::string_view data) {
  if (disk_.behind_.fetch_add(data.size()) + data.size() > kMaxBehind) {
    disk_.behind_ -= data.size();
    return false;
  }
  size_ += data.size();
  disk_.thread_.submit([&disk = disk_, name = name_, bytes = std::string(data)] {
    disk.write(name, bytes);
    disk.behind_ -= bytes.size();
  });
  return true;
}

// The descriptor of the file written last stays open: pieces of one body mostly come in a row. A
// failure shows in the size.
void CacheDisk::write(const std::string& name, std::string_view data) {
  if (open_name_ != name) {
    open_.reset(::open(body_file(name).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    open_name_ = name;
  }
  while (open_ && !data.empty()) {
    const ssize_t n = ::write(open_.get(), data.data(), data.size());
    if (n <= 0) return;
    data.remove_prefix(static_cast<std::size_t>(n));
  }
}

void CacheDisk::Writing::finish(std::function<void(CacheBodyPtr)> done) {
  finished_ = true;
  disk_.thread_.submit([&disk = disk_, name = name_, size = size_, done = std::move(done)] {
    // On disk before the head that vouches for it.
    if (disk.open_name_ == name && disk.open_) ::fdatasync(disk.open_.get());
    CacheBodyPtr body = disk.map(name);
    if (body && body->size != size) body.reset();
    if (!body) remove_quietly(disk.body_file(name));
    done(std::move(body));
  });
}

void CacheDisk::describe(const CacheEntry& entry, std::string environment) {
  const CacheBodyPtr body = entry.large_body();
  std::string head = write_head(entry, environment);
  thread_.submit([this, body, head = std::move(head), key = std::string(entry.key())] {
    const std::string& name = body->file->name();
    static_cast<void>(write_file_atomically(head_file(name), head, 0600));
    // Purged while this waited?
    if (!fs::exists(body_file(name))) remove_quietly(head_file(name));
    remember(key, body);
  });
}

}  // namespace fairlead::edge
