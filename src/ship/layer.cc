#include "ship/layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <zlib.h>

#include <map>
#include <memory>

#include "base/unique_fd.h"
#include "ship/digest.h"

namespace fairlead::ship {

namespace fs = std::filesystem;

namespace {

struct Free {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};
struct FreeReader {
  void operator()(archive* a) const { archive_read_free(a); }
};
struct FreeWriter {
  void operator()(archive* a) const { archive_write_free(a); }
};
using Entry = std::unique_ptr<archive_entry, Free>;
using Reader = std::unique_ptr<archive, FreeReader>;
using Writer = std::unique_ptr<archive, FreeWriter>;

std::unexpected<Error> fail_archive(std::string_view what, archive* a) {
  const char* text = archive_error_string(a);
  return fail(Code::kSystem, fmt::format("{}: {}", what, text ? text : "unknown reason"));
}

Result<> list_one(const fs::path& root, const fs::path& relative, const std::string& prefix,
                  LayerListing& listing) {
  const fs::path on_disk = root / relative;
  std::error_code error;
  const auto status = fs::symlink_status(on_disk, error);
  if (!fs::exists(status))
    return fail(Error(Code::kNotFound, fmt::format("{} does not exist", relative.string()))
                    .hint("[build] include names what the build command makes: did it run, and in "
                          "this folder"));
  // Folders above an entry are entries too, so that unpackers need not guess their permissions.
  fs::path above(prefix);
  for (const auto& part : relative.parent_path()) {
    above /= part;
    listing.emplace(above.string(), root / above.lexically_relative(prefix));
  }
  listing.emplace((fs::path(prefix) / relative).string(), on_disk);
  if (!fs::is_directory(status)) return {};
  for (fs::directory_iterator it(on_disk, error), end; !error && it != end; it.increment(error))
    TRY_VOID(list_one(root, relative / it->path().filename(), prefix, listing));
  if (error)
    return fail(Error::system(fmt::format("cannot list {}", on_disk.string()), error.value()));
  return {};
}

Result<LayerListing> list(const fs::path& root, const std::vector<std::string>& include,
                          const std::string& prefix) {
  LayerListing listing;
  listing.emplace(prefix, root);
  for (const auto& name : include) {
    const fs::path relative = fs::path(name).lexically_normal();
    if (relative.empty() || relative.is_absolute() || *relative.begin() == "..")
      return fail(Code::kInvalid, fmt::format("{} is not inside the build's folder", name));
    // "static/" and "static" are the same folder.
    TRY_VOID(list_one(root, relative.has_filename() ? relative : relative.parent_path(), prefix,
                      listing));
  }
  return listing;
}

// Compresses to a file, with the digests of both sides.
class Output {
 public:
  static Result<std::unique_ptr<Output>> create(const fs::path& path) {
    auto output = std::make_unique<Output>();
    output->fd_.reset(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!output->fd_) return fail_errno(fmt::format("cannot write {}", path.string()));
    // 16 asks for a gzip frame; zlib's default header has no time and no name, so the bytes depend
    // on the input alone.
    if (deflateInit2(&output->zlib_, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
      return fail(Code::kUnavailable, "no memory for compression");
    return output;
  }
  ~Output() { deflateEnd(&zlib_); }

  bool write(std::string_view bytes) {
    inner_.update(bytes);
    return deflate_all(bytes, Z_NO_FLUSH);
  }

  Result<Layer> finish() {
    if (!deflate_all({}, Z_FINISH)) return fail_errno("write");
    if (::fsync(fd_.get()) != 0) return fail_errno("fsync");
    return Layer{.digest = outer_.digest(), .diff_id = inner_.digest(), .bytes = bytes_};
  }

 private:
  bool deflate_all(std::string_view bytes, int flush) {
    zlib_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    zlib_.avail_in = static_cast<uInt>(bytes.size());
    for (;;) {
      char buffer[65536];
      zlib_.next_out = reinterpret_cast<Bytef*>(buffer);
      zlib_.avail_out = sizeof buffer;
      const int result = deflate(&zlib_, flush);
      const std::string_view out(buffer, sizeof buffer - zlib_.avail_out);
      outer_.update(out);
      bytes_ += out.size();
      if (!write_all(out)) return false;
      if (flush == Z_FINISH ? result == Z_STREAM_END : zlib_.avail_in == 0 && zlib_.avail_out != 0)
        return true;
    }
  }

  bool write_all(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno != EINTR) return false;
      if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  UniqueFd fd_;
  z_stream zlib_{};
  Sha256 inner_, outer_;
  std::uint64_t bytes_ = 0;
};

la_ssize_t write_callback(archive* a, void* output, const void* bytes, std::size_t size) {
  if (static_cast<Output*>(output)->write({static_cast<const char*>(bytes), size}))
    return static_cast<la_ssize_t>(size);
  archive_set_error(a, errno, "write: %s", std::strerror(errno));
  return -1;
}

Result<> add_content(archive* writer, const fs::path& path, std::uint64_t size) {
  const auto where = [&] { return fmt::format("cannot pack {}", path.string()); };
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) return fail_errno(where());
  char buffer[65536];
  for (std::uint64_t left = size; left > 0;) {
    const ssize_t n = ::read(fd.get(), buffer, std::min<std::uint64_t>(left, sizeof buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(where());
    if (n == 0)
      return fail(Code::kInvalid, fmt::format("{} changed while it was packed", path.string()));
    if (archive_write_data(writer, buffer, static_cast<std::size_t>(n)) != n)
      return fail_archive(where(), writer);
    left -= static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<> add_entry(archive* writer, const std::string& name, const fs::path& path, Layer& layer) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0)
    return fail_errno(fmt::format("cannot pack {}", path.string()));
  const bool file = S_ISREG(status.st_mode);
  const bool folder = S_ISDIR(status.st_mode);
  if (!file && !folder && !S_ISLNK(status.st_mode))
    return fail(Code::kInvalid,
                fmt::format("{} is neither a file, a folder nor a symbolic link", path.string()));

  Entry entry(archive_entry_new());
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), status.st_mode & S_IFMT);
  const bool for_all = folder && (status.st_mode & S_ISVTX);
  archive_entry_set_perm(entry.get(), for_all                             ? 01777
                                      : folder || (status.st_mode & 0111) ? 0755
                                                                          : 0644);
  archive_entry_set_mtime(entry.get(), 0, 0);
  archive_entry_set_size(entry.get(), file ? status.st_size : 0);
  if (S_ISLNK(status.st_mode)) {
    std::error_code error;
    archive_entry_set_symlink(entry.get(), fs::read_symlink(path, error).c_str());
  }
  if (archive_write_header(writer, entry.get()) != ARCHIVE_OK)
    return fail_archive(fmt::format("cannot pack {}", path.string()), writer);
  if (!folder) ++layer.files;
  return file ? add_content(writer, path, static_cast<std::uint64_t>(status.st_size)) : Result<>();
}

}  // namespace

Result<Layer> write_layer(const fs::path& root, const std::vector<std::string>& include,
                          std::string_view prefix, const fs::path& out) {
  TRY(const LayerListing listing, list(root, include, std::string(prefix)));
  return write_layer(listing, out);
}

Result<Layer> write_layer(const LayerListing& wanted, const fs::path& out) {
  LayerListing listing = wanted;
  for (const auto& [name, path] : wanted)
    for (auto above = fs::path(name).parent_path(); !above.empty(); above = above.parent_path())
      listing.emplace(above.string(), "/");  // a folder like any other
  TRY(const auto output, Output::create(out));
  Writer writer(archive_write_new());
  archive_write_set_format_pax_restricted(writer.get());
  if (archive_write_open(writer.get(), output.get(), nullptr, write_callback, nullptr) !=
      ARCHIVE_OK)
    return fail_archive("cannot pack", writer.get());
  Layer counted;
  for (const auto& [name, path] : listing) TRY_VOID(add_entry(writer.get(), name, path, counted));
  if (archive_write_close(writer.get()) != ARCHIVE_OK)
    return fail_archive("cannot pack", writer.get());
  TRY(Layer layer, output->finish());
  layer.files = counted.files;
  return layer;
}

Result<> unpack_layer(const fs::path& layer, const fs::path& into) {
  const std::string where = fmt::format("cannot unpack {}", layer.string());
  Reader reader(archive_read_new());
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_gzip(reader.get());
  if (archive_read_open_filename(reader.get(), layer.c_str(), 65536) != ARCHIVE_OK)
    return fail_archive(where, reader.get());
  Writer disk(archive_write_disk_new());
  archive_write_disk_set_options(disk.get(),
                                 ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                                     ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_UNLINK);
  for (archive_entry* entry = nullptr;;) {
    const int result = archive_read_next_header(reader.get(), &entry);
    if (result == ARCHIVE_EOF) return {};
    if (result != ARCHIVE_OK) return fail_archive(where, reader.get());
    const fs::path name = archive_entry_pathname(entry);
    if (name.is_absolute() || archive_entry_hardlink(entry) ||
        std::ranges::find(name, fs::path("..")) != name.end())
      return fail(Code::kInvalid,
                  fmt::format("{}: the entry '{}' would leave the folder", where, name.string()));
    archive_entry_set_pathname(entry, (into / name).c_str());
    if (archive_write_header(disk.get(), entry) != ARCHIVE_OK)
      return fail_archive(where, disk.get());
    const void* bytes = nullptr;
    std::size_t size = 0;
    la_int64_t offset = 0;
    int read;
    while ((read = archive_read_data_block(reader.get(), &bytes, &size, &offset)) == ARCHIVE_OK)
      if (archive_write_data_block(disk.get(), bytes, size, offset) != ARCHIVE_OK)
        return fail_archive(where, disk.get());
    if (read != ARCHIVE_EOF) return fail_archive(where, reader.get());
    if (archive_write_finish_entry(disk.get()) != ARCHIVE_OK)
      return fail_archive(where, disk.get());
  }
}

}  // namespace fairlead::ship
