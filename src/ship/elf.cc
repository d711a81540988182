#include "ship/elf.h"

#include <elf.h>
#include <fmt/format.h>
#include <glob.h>

#include <cstring>
#include <deque>
#include <fstream>
#include <set>

#include "base/file.h"
#include "base/strings.h"

namespace fairlead::ship {

namespace fs = std::filesystem;

namespace {

// Reading structures out of a file's bytes, each read checked.
class Bytes {
 public:
  explicit Bytes(std::string_view text) : text_(text) {}

  template <typename T>
  std::optional<T> at(std::uint64_t offset) const {
    if (offset > text_.size() || text_.size() - offset < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, text_.data() + offset, sizeof value);
    return value;
  }
  std::optional<std::string> text_at(std::uint64_t offset) const {
    if (offset >= text_.size()) return std::nullopt;
    const auto rest = text_.substr(offset);
    const auto end = rest.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    return std::string(rest.substr(0, end));
  }

 private:
  std::string_view text_;
};

struct Segments {
  std::vector<Elf64_Phdr> load;
  std::optional<Elf64_Phdr> dynamic, interpreter;

  // Where in the file stands what is at this address in memory.
  std::optional<std::uint64_t> offset_of(std::uint64_t address) const {
    for (const auto& segment : load)
      if (address >= segment.p_vaddr && address - segment.p_vaddr < segment.p_filesz)
        return segment.p_offset + (address - segment.p_vaddr);
    return std::nullopt;
  }
};

std::optional<Segments> read_segments(const Bytes& bytes, const Elf64_Ehdr& head) {
  Segments segments;
  for (unsigned i = 0; i < head.e_phnum; ++i) {
    const auto segment = bytes.at<Elf64_Phdr>(head.e_phoff + std::uint64_t{i} * head.e_phentsize);
    if (!segment) return std::nullopt;
    if (segment->p_type == PT_LOAD) segments.load.push_back(*segment);
    if (segment->p_type == PT_DYNAMIC) segments.dynamic = *segment;
    if (segment->p_type == PT_INTERP) segments.interpreter = *segment;
  }
  return segments;
}

void add_search(ElfNeeds& needs, std::string_view paths, const fs::path& origin) {
  for (const auto path : split(paths, ':')) {
    std::string folder(path);
    for (const std::string_view word : {"${ORIGIN}", "$ORIGIN"})
      if (const auto at = folder.find(word); at != std::string::npos)
        folder.replace(at, word.size(), origin.string());
    if (!folder.empty()) needs.search.push_back(std::move(folder));
  }
}

// The dynamic section: names are offsets into its string table.
bool read_dynamic(const Bytes& bytes, const Segments& segments, const fs::path& file,
                  ElfNeeds& needs) {
  std::vector<Elf64_Dyn> entries;
  std::uint64_t strings = 0;
  for (std::uint64_t offset = segments.dynamic->p_offset;; offset += sizeof(Elf64_Dyn)) {
    const auto entry = bytes.at<Elf64_Dyn>(offset);
    if (!entry) return false;
    if (entry->d_tag == DT_NULL) break;
    if (entry->d_tag == DT_STRTAB) strings = entry->d_un.d_ptr;
    entries.push_back(*entry);
  }
  const auto table = segments.offset_of(strings);
  if (!table) return entries.empty();
  for (const auto& entry : entries) {
    const bool library = entry.d_tag == DT_NEEDED;
    if (!library && entry.d_tag != DT_RUNPATH && entry.d_tag != DT_RPATH) continue;
    const auto text = bytes.text_at(*table + entry.d_un.d_val);
    if (!text) return false;
    if (library)
      needs.libraries.push_back(*text);
    else
      add_search(needs, *text, file.parent_path());
  }
  return true;
}

// The folders that the loader looks in without being told, as /etc/ld.so.conf lists them, then
// those built into it.
void read_loader_configuration(const std::string& pattern, std::vector<std::string>& folders) {
  ::glob_t found{};
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; ++i) {
      std::ifstream file(found.gl_pathv[i]);
      for (std::string line; std::getline(file, line);) {
        const auto text = trim(std::string_view(line).substr(0, line.find('#')));
        if (text.starts_with("include "))
          read_loader_configuration(std::string(trim(text.substr(8))), folders);
        else if (text.starts_with('/'))
          folders.emplace_back(text);
      }
    }
  }
  ::globfree(&found);
}

constexpr std::string_view kTriplet =
#if defined(__aarch64__)
    "aarch64-linux-gnu";
#else
    "x86_64-linux-gnu";
#endif

std::vector<std::string> system_folders() {
  std::vector<std::string> folders;
  read_loader_configuration("/etc/ld.so.conf", folders);
  for (const std::string_view root : {"/lib", "/usr/lib"}) {
    folders.push_back(fmt::format("{}/{}", root, kTriplet));
    folders.push_back(fmt::format("{}64", root));
    folders.emplace_back(root);
  }
  return folders;
}

// The first library of that name for the same processor.
std::optional<fs::path> find_library(const std::string& name, std::uint16_t machine,
                                     const std::vector<std::string>& first,
                                     const std::vector<std::string>& then) {
  for (const auto* folders : {&first, &then})
    for (const auto& folder : *folders) {
      std::error_code error;
      const auto path = fs::canonical(fs::path(folder) / name, error);
      if (error) continue;
      const auto needs = elf_needs(path);
      if (needs && *needs && (*needs)->machine == machine) return path;
    }
  return std::nullopt;
}

}  // namespace

Result<std::optional<ElfNeeds>> elf_needs(const fs::path& file) {
  TRY(const std::string text, read_file(file, 1u << 30));
  const Bytes bytes(text);
  const auto head = bytes.at<Elf64_Ehdr>(0);
  if (!head || std::memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
      head->e_ident[EI_CLASS] != ELFCLASS64 || (head->e_type != ET_EXEC && head->e_type != ET_DYN))
    return std::nullopt;
  const auto damaged = [&] {
    return fail(Code::kInvalid, fmt::format("{} is a damaged program", file.string()));
  };
  const auto segments = read_segments(bytes, *head);
  if (!segments) return damaged();
  ElfNeeds needs{.machine = head->e_machine};
  if (segments->interpreter) {
    const auto interpreter = bytes.text_at(segments->interpreter->p_offset);
    if (!interpreter) return damaged();
    needs.interpreter = *interpreter;
  }
  if (segments->dynamic && !read_dynamic(bytes, *segments, file, needs)) return damaged();
  return needs;
}

Result<std::map<std::string, fs::path>> libraries_of(const std::vector<fs::path>& files) {
  const auto folders = system_folders();
  const std::string standard = fmt::format("/usr/lib/{}", kTriplet);
  std::map<std::string, fs::path> found;
  std::set<std::string> own;  // libraries that the files bring along
  for (const auto& file : files) own.insert(file.filename());
  std::deque<fs::path> waiting(files.begin(), files.end());
  while (!waiting.empty()) {
    const auto file = waiting.front();
    waiting.pop_front();
    TRY(const auto needs, elf_needs(file));
    if (!needs) continue;
    if (!needs->interpreter.empty()) {
      std::error_code error;
      found.emplace(needs->interpreter, fs::canonical(needs->interpreter, error));
    }
    for (const auto& name : needs->libraries) {
      if (own.contains(name) || name.contains('/')) continue;
      // The loader, which programs may need by name too, stands at its own path.
      if (!needs->interpreter.empty() && needs->interpreter.ends_with("/" + name)) continue;
      if (name.starts_with("ld-linux") || found.contains(fmt::format("{}/{}", standard, name)))
        continue;
      const auto library = find_library(name, needs->machine, needs->search, folders);
      if (!library)
        return fail(Error(Code::kNotFound, fmt::format("{} needs {}, which is not on this machine",
                                                       file.string(), name))
                        .hint("install it, or link the program statically"));
      found.emplace(fmt::format("{}/{}", standard, name), *library);
      waiting.push_back(*library);
    }
  }
  return found;
}

}  // namespace fairlead::ship
