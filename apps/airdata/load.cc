#include "load.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <optional>

#include "base/file.h"
#include "base/unique_fd.h"
#include "progress.h"
#include "purge.h"
#include "schema.h"
#include "sink.h"

namespace airdata {

using namespace fairlead;

namespace {

constexpr std::size_t kMaxLine = 64 * 1024;

// The lines of a descriptor, one after the other, without their ends.
class Lines {
 public:
  explicit Lines(int fd) : fd_(fd), buffer_(4 * kMaxLine, '\0') {}

  // Nothing at the end. The view lives until the next call.
  Result<std::optional<std::string_view>> next() {
    for (;;) {
      const std::string_view rest(buffer_.data() + start_, end_ - start_);
      if (const auto newline = rest.find('\n'); newline != std::string_view::npos)
        return line(rest.substr(0, newline), newline + 1);
      if (rest.size() > kMaxLine)
        return fail(Code::kInvalid,
                    fmt::format("line {}: longer than {} bytes", number_ + 1, kMaxLine));
      if (at_end_) {
        if (rest.empty()) return std::nullopt;
        return line(rest, rest.size());
      }
      TRY_VOID(fill());
    }
  }
  std::uint64_t number() const { return number_; }  // of the last line; the first is 1
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::optional<std::string_view> line(std::string_view text, std::size_t consumed) {
    start_ += consumed;
    bytes_ += consumed;
    ++number_;
    if (text.ends_with('\r')) text.remove_suffix(1);
    return text;
  }
  Result<> fill() {
    std::memmove(buffer_.data(), buffer_.data() + start_, end_ - start_);
    end_ -= start_;
    start_ = 0;
    const ssize_t n = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    if (n < 0 && errno != EINTR) return fail_errno("reading");
    if (n > 0) end_ += static_cast<std::size_t>(n);
    at_end_ = n == 0;
    return {};
  }

  int fd_;
  std::string buffer_;
  std::size_t start_ = 0, end_ = 0;
  std::uint64_t number_ = 0, bytes_ = 0;
  bool at_end_ = false;
};

struct Outcome {
  std::uint64_t rows = 0;
  std::uint64_t changed = 0;
  std::uint64_t rejected = 0;
};

struct Job {
  std::string name;
  UniqueFd input;
  std::uint64_t size = 0;
  bool seekable = false;
  UniqueFd rejects;  // with --skip-bad
};

Result<> write_line(int fd, std::string_view line) {
  std::string text(line);
  text += '\n';
  if (::write(fd, text.data(), text.size()) != std::ssize(text))
    return fail_errno("writing what was rejected");
  return {};
}

Result<> check_header(Lines& lines) {
  TRY(const auto header, lines.next());
  if (!header) return fail(Code::kInvalid, "line 1: the file is empty");
  if (*header != kCsvHeader)
    return fail(Code::kInvalid, fmt::format("line 1: the columns are '{}', expected are '{}'",
                                            header->substr(0, 100), kCsvHeader));
  return {};
}

Result<Outcome> pass(const Job& job, Sink& sink) {
  Lines lines(job.input.get());
  Progress progress(job.size);
  TRY_VOID(check_header(lines));
  if (job.rejects) TRY_VOID(write_line(job.rejects.get(), kCsvHeader));
  Outcome outcome;
  for (Measurement row;;) {
    TRY(const auto line, lines.next());
    if (!line) break;
    if (line->empty()) continue;
    if (auto parsed = parse_row(*line, row); !parsed) {
      if (!job.rejects)
        return fail(std::move(parsed).error().in(fmt::format("line {}", lines.number())));
      ++outcome.rejected;
      TRY_VOID(write_line(job.rejects.get(), *line));
      continue;
    }
    ++outcome.rows;
    TRY_VOID(sink.add(row));
    if (outcome.rows % 1024 == 0) progress.update(lines.bytes(), outcome.rows);
  }
  TRY(outcome.changed, sink.commit());
  return outcome;
}

// A file is loaded as if all of it were new, which is the fastest; if some is not, it is read again
// and merged. What comes from a pipe can be read only once, and is merged at once.
Result<Outcome> run(const Job& job, const store::DatabaseUrl& url) {
  if (job.seekable) {
    TRY(const auto sink, open_sink(url, Rows::kNew));
    auto outcome = pass(job, *sink);
    if (outcome || outcome.error().code() != Code::kExists) return outcome;
    if (::lseek(job.input.get(), 0, SEEK_SET) != 0) return fail_errno("rewinding");
    if (job.rejects &&
        (::ftruncate(job.rejects.get(), 0) != 0 || ::lseek(job.rejects.get(), 0, SEEK_SET) != 0))
      return fail_errno("rewinding what was rejected");
  }
  TRY(const auto sink, open_sink(url, Rows::kNewOrKnown));
  return pass(job, *sink);
}

Result<Job> open_job(std::string_view name, std::optional<std::string> rejects) {
  Job job{.name = std::string(name), .input = {}, .rejects = {}};
  if (name == "-") {
    job.name = "standard input";
    job.input.reset(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
  } else {
    job.input.reset(::open(job.name.c_str(), O_RDONLY | O_CLOEXEC));
  }
  if (!job.input) return fail_errno(fmt::format("cannot read {}", job.name));
  struct stat status{};
  if (::fstat(job.input.get(), &status) == 0 && S_ISREG(status.st_mode)) {
    job.size = static_cast<std::uint64_t>(status.st_size);
    job.seekable = name != "-";
  }
  if (rejects) {
    job.rejects.reset(::open(rejects->c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!job.rejects) return fail_errno(fmt::format("cannot write {}", *rejects));
  }
  return job;
}

int complain(const Error& error, int code) {
  fmt::print(stderr, "airdata: {}\n", error.message());
  if (!error.hint().empty()) fmt::print(stderr, "  {}\n", error.hint());
  return code;
}

}  // namespace

Micros change_time() {
  return std::chrono::duration_cast<std::chrono::seconds>(wall_now().time_since_epoch()).count() *
         1'000'000;
}

Result<std::unique_ptr<Sink>> open_sink(const store::DatabaseUrl& url, Rows rows) {
  if (url.dialect == store::Dialect::kPostgresql) return open_postgres_sink(url.conninfo, rows);
  return open_sqlite_sink(url.path);
}

int load(const service::Environment& environment, std::vector<std::string_view> arguments) {
  std::optional<std::string> rejects;
  if (arguments.size() == 3 && arguments[1] == "--skip-bad") rejects = arguments[2];
  if (arguments.size() == 3 && arguments[0] == "--skip-bad") {
    rejects = arguments[1];
    arguments[0] = arguments[2];
  }
  if (arguments.size() != (rejects ? 3 : 1)) {
    fmt::print(stderr, "usage: airdata load FILE|- [--skip-bad FILE]\n");
    return 2;
  }
  const auto url = database(environment);
  if (!url) return complain(url.error(), 2);
  auto job = open_job(arguments[0], rejects);
  if (!job) return complain(job.error(), 1);
  const Instant begin = now();
  const auto outcome = run(*job, **url);
  if (!outcome) {
    auto error = Error(outcome.error()).in(fmt::format("{} was not loaded", job->name));
    if (outcome.error().code() == Code::kNotFound)
      error = std::move(error).hint("run 'airdata migrate' first");
    if (outcome.error().code() == Code::kInvalid)
      error = std::move(error).hint("nothing was changed; --skip-bad FILE writes bad rows aside");
    return complain(error, 1);
  }
  const double seconds = std::chrono::duration<double>(now() - begin).count() + 1e-9;
  fmt::print("{} rows read, {} new or changed, {} rejected, {:.0f} rows/s\n", outcome->rows,
             outcome->changed, outcome->rejected, static_cast<double>(outcome->rows) / seconds);
  if (outcome->changed > 0)
    if (const auto purged = purge(environment); !purged) return complain(purged.error(), 1);
  return 0;
}

}  // namespace airdata
