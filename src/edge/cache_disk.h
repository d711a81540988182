// Large bodies of stored responses, in files that outlive the edge.
#pragma once

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/unique_fd.h"
#include "edge/cache_entry.h"
#include "io/worker.h"

namespace fairlead::edge {

class CacheDisk;

// A body in a file, mapped into memory: every loop reads the same pages, and the kernel decides
// which of them stay in memory. Immutable. The file goes with its place in the store, not with its
// last reader: what was purged must not come back after a crash.
class CacheFile {
 public:
  CacheFile(CacheDisk& disk, std::string name, void* mapped, std::size_t size);
  ~CacheFile();
  CacheFile(const CacheFile&) = delete;

  std::string_view bytes() const { return {static_cast<const char*>(mapped_), size_}; }

  // An entry with this body came into the store, or left it. Under the shard's lock.
  void entered() { ++entries_; }
  void left();
  // The entry is not to be found after a restart, though it is now: a soft purge.
  void forget();

  void touch() { touched_.store(true, std::memory_order_relaxed); }
  bool take_touch() { return touched_.exchange(false, std::memory_order_relaxed); }
  const std::string& name() const { return name_; }

 private:
  CacheDisk& disk_;
  const std::string name_;
  void* mapped_;
  const std::size_t size_;
  std::atomic<int> entries_ = 0;
  std::atomic<bool> touched_ = false;
};

// A folder of such files: NAME.body, and NAME.head which says what it answers. A thread of its own
// writes, so that a slow disk holds up no loop; what it cannot keep up with is not cached.
class CacheDisk {
 public:
  // Bodies from this size on are worth a file.
  static constexpr std::size_t kFrom = 256 << 10;
  // Bytes that may wait for the disk.
  static constexpr std::size_t kMaxBehind = 64 << 20;

  // What is told of an entry beside its parts.
  struct Found {
    CacheEntryParts parts;  // views into the call's own memory; large_body is set
    std::string environment;
  };

  // `budget` bytes of bodies; the oldest that nobody has asked for lately go first, by
  // `remove(key, body)`.
  CacheDisk(std::filesystem::path folder, std::uint64_t budget,
            std::function<void(std::string_view key, const CacheBody* body)> remove);
  // Finishes what was begun. Nothing is given to anybody after that.
  ~CacheDisk();

  // Reads what an earlier edge has left, on the disk's thread; what is broken is deleted.
  void load(std::function<void(const Found&)> found);

  std::uint64_t largest() const { return budget_ / 4; }
  std::uint64_t used() const { return used_.load(std::memory_order_relaxed); }

  // A body being written. One thread at a time.
  class Writing {
   public:
    Writing(CacheDisk& disk, std::string name) : disk_(disk), name_(std::move(name)) {}
    ~Writing();
    // False when the disk does not keep up: give it up.
    bool append(std::string_view data);
    std::uint64_t size() const { return size_; }
    // On the disk's thread, when the file is whole: `done` gets the body, or null if that failed.
    void finish(std::function<void(CacheBodyPtr)> done);

   private:
    CacheDisk& disk_;
    const std::string name_;
    std::uint64_t size_ = 0;
    bool finished_ = false;
  };
  std::unique_ptr<Writing> begin();

  // Writes down what an entry with a body in a file answers, for the next edge. Any thread.
  void describe(const CacheEntry& entry, std::string environment);

 private:
  friend class CacheFile;
  struct Known {
    std::string key;
    std::weak_ptr<const CacheBody> body;
  };
  std::filesystem::path body_file(const std::string& name) const {
    return folder_ / (name + ".body");
  }
  std::filesystem::path head_file(const std::string& name) const {
    return folder_ / (name + ".head");
  }
  void write(const std::string& name, std::string_view data);
  CacheBodyPtr map(const std::string& name);
  void load_one(const std::filesystem::path& head, const std::function<void(const Found&)>& found);
  void remember(std::string_view key, const CacheBodyPtr& body);
  void make_room();

  const std::filesystem::path folder_;
  const std::uint64_t budget_;
  const std::function<void(std::string_view, const CacheBody*)> remove_;
  std::atomic<std::uint64_t> used_ = 0;
  std::atomic<std::size_t> behind_ = 0;
  std::atomic<std::uint64_t> next_ = 0;
  // The disk's thread's own.
  std::string open_name_;
  UniqueFd open_;
  std::list<Known> known_;  // oldest first
  io::Worker thread_;
};

}  // namespace fairlead::edge
