#include "edge/static_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "base/strings.h"

namespace fairlead::edge {

namespace {

using http::Coding;

constexpr auto kTypes = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"webmanifest", "application/manifest+json"},
    {"xml", "application/xml"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/x-icon"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"wasm", "application/wasm"},
    {"pdf", "application/pdf"},
    {"zip", "application/zip"},
    {"gz", "application/gzip"},
    {"mp3", "audio/mpeg"},
    {"ogg", "audio/ogg"},
    {"wav", "audio/wav"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
});

constexpr auto kVariants = std::to_array<std::pair<Coding, std::string_view>>(
    {{Coding::kBrotli, ".br"}, {Coding::kZstd, ".zst"}, {Coding::kGzip, ".gz"}});

// Escapes decoded; nothing where that makes a name that no file of ours has.
std::optional<std::string> file_name(std::string_view path) {
  std::string name;
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (c == '%') {
      const auto byte = parse_unsigned(path.substr(i + 1, 2), 16);
      if (!byte || i + 2 >= path.size() || *byte == 0 || *byte == '/') return std::nullopt;
      c = static_cast<char>(*byte);
      i += 2;
    }
    name += c;
  }
  for (const std::string_view part : split(name, '/'))
    if (part.starts_with('.') && part != ".well-known") return std::nullopt;
  return name.substr(std::min(name.find_first_not_of('/'), name.size()));
}

UniqueFd open_beneath(int folder, const std::string& name) {
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return UniqueFd(static_cast<int>(::syscall(SYS_openat2, folder, name.c_str(), &how, sizeof how)));
}

// The file itself or its best variant; kMissing for whatever is no regular file.
FoundFile open_file(int folder, const std::string& name, std::string_view accept) {
  FoundFile found;
  StaticFile& file = found.file;
  file.fd = open_beneath(folder, name);
  struct stat status{};
  if (!file.fd || ::fstat(file.fd.get(), &status) != 0) return found;
  if (S_ISDIR(status.st_mode)) return {FoundFile::Kind::kFolder, {}};
  if (!S_ISREG(status.st_mode)) return found;
  found.kind = FoundFile::Kind::kFile;
  file.content_type = content_type_of(name);
  for (const auto& [coding, ending] : kVariants) {
    UniqueFd variant = open_beneath(folder, name + std::string(ending));
    struct stat of_variant{};
    if (!variant || ::fstat(variant.get(), &of_variant) != 0 || !S_ISREG(of_variant.st_mode) ||
        of_variant.st_mtim.tv_sec < status.st_mtim.tv_sec)  // of an earlier file
      continue;
    file.has_variants = true;
    if (!http::accepts_coding(accept, coding)) continue;
    file.fd = std::move(variant);
    file.coding = coding;
    status = of_variant;
    break;
  }
  file.size = static_cast<std::uint64_t>(status.st_size);
  file.modified = status.st_mtim.tv_sec;
  file.etag = fmt::format("\"{:x}-{:x}{}{}\"", file.size,
                          status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec,
                          file.coding == Coding::kIdentity ? "" : "-",
                          file.coding == Coding::kIdentity ? "" : http::to_string(file.coding));
  return found;
}

}  // namespace

std::string_view content_type_of(std::string_view name) {
  const std::string ending = to_lower(name.substr(std::min(name.rfind('.') + 1, name.size())));
  for (const auto& [known, type] : kTypes)
    if (known == ending) return type;
  return "application/octet-stream";
}

FoundFile find_file(const control::RouteFiles& files, std::string_view path,
                    std::string_view accept_encoding) {
  const UniqueFd folder(::open(files.folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  auto name = file_name(path);
  if (!folder) return {};
  FoundFile found;
  if (name) {
    if (name->empty() || name->ends_with('/')) *name += files.index;
    found = open_file(folder.get(), *name, accept_encoding);
  }
  if (found.kind == FoundFile::Kind::kMissing && !files.fallback.empty())
    found = open_file(folder.get(), files.fallback, accept_encoding);
  return found;
}

}  // namespace fairlead::edge
