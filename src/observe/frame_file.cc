#include "observe/frame_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include "observe/coding.h"

namespace fairlead::observe {
namespace {

std::uint32_t checksum(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      ::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

// Reads the file in pieces, so that a large one does not have to fit into memory.
Result<std::uint64_t> read_all(int fd, const FrameFile::Visit& visit) {
  constexpr std::size_t kPiece = 4 << 20;
  std::uint64_t done = kMagicSize;  // where the last whole frame ends
  std::string piece;
  for (;;) {
    const std::size_t kept = piece.size();
    piece.resize(kept + kPiece);
    const ssize_t n = ::pread(fd, piece.data() + kept, kPiece, static_cast<off_t>(done + kept));
    if (n < 0) return fail_errno("read");
    piece.resize(kept + static_cast<std::size_t>(n));
    TRY(const std::size_t used, read_frames(piece, done, true, visit));
    done += used;
    piece.erase(0, used);
    if (n == 0 || piece.size() > kLargestFrame + kFrameHeader) return done;
  }
}

}  // namespace

Result<> write_fully(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<std::string> read_at(int fd, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t done = 0; done < size;) {
    const ssize_t n =
        ::pread(fd, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("read");
    if (n == 0) return fail(Code::kProtocol, "the file ends too early");
    done += static_cast<std::size_t>(n);
  }
  return bytes;
}

Result<std::size_t> read_frames(std::string_view bytes, std::uint64_t offset, bool check,
                                const FrameFile::Visit& visit) {
  std::size_t at = 0;
  while (bytes.size() - at >= kFrameHeader) {
    Decoder header(bytes.substr(at, kFrameHeader));
    const auto length = header.fixed<std::uint32_t>();
    const auto crc = header.fixed<std::uint32_t>();
    // A run of zeros is what a file system leaves behind where a write never arrived.
    if (length == 0 || length > kLargestFrame) break;
    if (bytes.size() - at - kFrameHeader < length) break;
    const std::string_view payload = bytes.substr(at + kFrameHeader, length);
    if (check && checksum(payload) != crc) break;
    TRY_VOID(visit(payload, offset + at));
    at += kFrameHeader + length;
  }
  return at;
}

Result<FrameFile> FrameFile::open(const std::filesystem::path& path, std::string_view magic,
                                  const Visit& visit) {
  const auto context = [&](Error error) {
    return fail(std::move(error).in("cannot open " + path.string()));
  };
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640));
  if (!fd) return context(Error::system("open"));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return context(Error::system("stat"));
  auto size = static_cast<std::uint64_t>(status.st_size);

  // A file that has not even its magic died while it was made.
  if (size < kMagicSize) {
    if (::ftruncate(fd.get(), 0) != 0) return context(Error::system("truncate"));
    if (auto written = write_fully(fd.get(), magic); !written) return context(written.error());
    return FrameFile(std::move(fd), kMagicSize);
  }
  auto found = read_at(fd.get(), 0, kMagicSize);
  if (!found) return context(found.error());
  if (*found != magic) return context(Error(Code::kInvalid, "this is not such a file"));
  auto whole = read_all(fd.get(), visit);
  if (!whole) return context(whole.error());
  if (*whole < size && ::ftruncate(fd.get(), static_cast<off_t>(*whole)) != 0)
    return context(Error::system("truncate"));
  FrameFile file(std::move(fd), *whole);
  file.cut_ = size - *whole;
  return file;
}

Result<> FrameFile::append(std::string_view payload) {
  scratch_.clear();
  put_fixed(scratch_, static_cast<std::uint32_t>(payload.size()));
  put_fixed(scratch_, checksum(payload));
  scratch_ += payload;
  if (auto written = write_fully(fd_.get(), scratch_); !written) {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size_)) != 0)
      return fail(std::move(written).error().in("the torn frame could not be taken back"));
    return written;
  }
  size_ += scratch_.size();
  return {};
}

Result<> FrameFile::sync() {
  if (::fdatasync(fd_.get()) != 0) return fail_errno("fdatasync");
  return {};
}

}  // namespace fairlead::observe
