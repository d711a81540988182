#include "edge/origin_pool.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "edge/worker.h"

namespace fairlead::edge {

OriginPool::OriginPool(Worker& worker, TargetPtr target)
    : worker_(worker), target_(std::move(target)) {}

OriginPool::~OriginPool() { retire(); }

OriginStats& OriginPool::stats() const { return target_->stats[worker_.index()]; }

void OriginPool::mark_unready() {
  if (!target_->ready.exchange(false, std::memory_order_relaxed)) return;
  worker_.report_unready(target_);
}

OriginConnection* OriginPool::take_idle(bool probe) {
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

Result<OriginConnection*> OriginPool::connect() {
  const io::Address& address = target_->address;
  UniqueFd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fail_errno("socket");
  if (!address.is_unix()) {
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const bool connected = ::connect(fd.get(), address.data(), address.size()) == 0;
  if (!connected && errno != EINPROGRESS) return fail_errno("connect");
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
  if (retired_ || idle_count_ >= worker_.plan().limits().max_idle_origin_connections) {
    connection.discard();
    return;
  }
  static_cast<IdleEntry&>(connection).insert_before(idle_);
  ++idle_count_;
}

void OriginPool::retire() {
  retired_ = true;
  while (idle_.linked()) {
    static_cast<OriginConnection*>(static_cast<IdleEntry*>(idle_.previous))->discard();
  }
}

}  // namespace fairlead::edge
