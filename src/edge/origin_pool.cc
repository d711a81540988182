#include "edge/origin_pool.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "edge/worker.h"

namespace fairlead::edge {

OriginPool::OriginPool(Worker& worker, TargetPtr target)
    : worker_(worker), target_(std::move(target)) {}

OriginPool::~OriginPool() {
  retire();
  while (h2_.linked()) {
    static_cast<H2OriginConnection*>(static_cast<H2OriginEntry*>(h2_.next))->discard();
  }
}

OriginStats& OriginPool::stats() const { return target_->stats[worker_.index()]; }

void OriginPool::mark_unready() {
  if (!target_->ready.exchange(false, std::memory_order_relaxed)) return;
  worker_.report_unready(target_);
}

OriginStream* OriginPool::take_idle(bool probe) {
  if (target_->h2) return take_stream();
  while (idle_.linked()) {
    auto* connection = static_cast<OriginConnection*>(static_cast<IdleEntry*>(idle_.previous));
    if (probe && !connection->probe()) {
      connection->discard();
      continue;
    }
    connection->leave_idle();
    return connection;
  }
  return nullptr;
}

OriginStream* OriginPool::take_stream() {
  for (io::Link* link = h2_.next; link != &h2_; link = link->next) {
    auto* connection = static_cast<H2OriginConnection*>(static_cast<H2OriginEntry*>(link));
    if (OriginStream* stream = connection->new_origin_stream()) return stream;
  }
  return nullptr;
}

Result<OriginStream*> OriginPool::connect() {
  const io::Address& address = target_->address;
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket");
  if (!address.is_unix()) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const bool connected = ::connect(fd.get(), address.data(), address.size()) == 0;
  if (!connected && errno != EINPROGRESS) return fail_errno("connect");
  if (target_->h2) {
    auto* shared = new H2OriginConnection(*this, worker_, io::Transport(std::move(fd)), connected);
    ++connections_;
    stats().connects.add();
    static_cast<H2OriginEntry*>(shared)->insert_before(h2_);
    if (shared->watch()) return shared->new_origin_stream();
    --connections_;
    static_cast<H2OriginEntry*>(shared)->unlink();
    return fail(Code::kUnavailable, "cannot watch the socket");
  }
  auto* connection = new OriginConnection(*this, worker_, io::Transport(std::move(fd)), connected);
  ++connections_;
  stats().connects.add();
  if (!connection->watch()) {
    --connections_;
    return fail(Code::kUnavailable, "cannot watch the socket");
  }
  return connection;
}

void OriginPool::put_back(OriginConnection& connection) {
  // One that was told of a client by a PROXY header is that client's alone.
  if (retired_ || connection.used_by_one() ||
      idle_count_ >= worker_.plan().limits().max_idle_origin_connections) {
    connection.discard();
    return;
  }
  static_cast<IdleEntry&>(connection).insert_before(idle_);
  ++idle_count_;
}

void OriginPool::retire() {
  retired_ = true;
  for (io::Link* link = h2_.next; link != &h2_; link = link->next) {
    static_cast<H2OriginConnection*>(static_cast<H2OriginEntry*>(link))->retire();
  }
  while (idle_.linked()) {
    static_cast<OriginConnection*>(static_cast<IdleEntry*>(idle_.previous))->discard();
  }
}

}  // namespace fairlead::edge
