//! A server that is a list of acts on a TCP connection: every byte and every reset is the test's to shape.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use crate::{
    fault_door::{Door, Tls},
    fault_play::play,
    faults::{Answer, Fault, Place, USERS},
    tls::HOST,
};

pub(crate) const ID: &str = "fault-matrix";
pub(crate) const SECRET: &str = "s3cr3t-of-the-matrix";
/// Both in base64, as Basic has them.
pub(crate) const CREDENTIALS: &str = "ZmF1bHQtbWF0cml4OnMzY3IzdC1vZi10aGUtbWF0cml4";
const USERS_PATH: &str = "/api/v2/users";

/// A server at one of the two places. Dropped, it closes its port and cuts its connections.
pub(crate) struct FaultServer {
    state: Arc<State>,
    address: SocketAddr,
    is_tls: bool,
    _accepting: JoinSet<()>,
}

/// Counts what it sees, and knows what goes wrong next.
pub(crate) struct State {
    place: Place,
    fault: Option<Fault>,
    /// How many more requests meet the fault.
    left: AtomicUsize,
    struck: AtomicUsize,
    /// Requests that were sent here, each on a connection of its own; also those at a closed door.
    asked: watch::Sender<usize>,
    /// Answers wait until so many came.
    gathering: AtomicUsize,
    read: AtomicUsize,
    strays: AtomicUsize,
    flooded: AtomicUsize,
    /// A port that is taken, so that nobody else can listen there.
    closed: TcpSocket,
}

impl FaultServer {
    /// `times` requests meet the fault, `usize::MAX` stands for all.
    pub(crate) async fn start(place: Place, fault: Option<Fault>, times: usize) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        // A flood is not to disappear in buffers.
        socket.set_send_buffer_size(256 * 1024).unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let closed = TcpSocket::new_v4().unwrap();
        closed.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = socket.listen(1024).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            place,
            fault,
            left: AtomicUsize::new(times),
            struck: AtomicUsize::new(0),
            asked: watch::Sender::new(0),
            gathering: AtomicUsize::new(0),
            read: AtomicUsize::new(0),
            strays: AtomicUsize::new(0),
            flooded: AtomicUsize::new(0),
            closed,
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, state.clone()));
        Self {
            state,
            address,
            is_tls: matches!(fault, Some(Fault::Certificate(_))),
            _accepting: accepting,
        }
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        match self.is_tls {
            true => format!("https://{HOST}:{}", self.address.port()),
            false => format!("http://{}", self.address),
        }
    }

    pub(crate) fn users_url(&self) -> String {
        format!("{}{USERS_PATH}", self.url())
    }

    /// Nothing goes wrong from now on.
    pub(crate) fn heal(&self) {
        self.state.left.store(0, SeqCst);
    }

    /// No answer leaves before so many further requests have come, for a moment at most: they are to be under way together.
    pub(crate) fn gather(&self, requests: usize) {
        let goal = *self.state.asked.borrow() + requests;
        self.state.gathering.store(goal, SeqCst);
    }

    /// Requests that were sent here so far, whatever became of them.
    pub(crate) fn asked(&self) -> usize {
        *self.state.asked.borrow()
    }

    /// Requests of which the server knows the content.
    pub(crate) fn read(&self) -> usize {
        self.state.read.load(SeqCst)
    }

    /// Requests that met the fault.
    pub(crate) fn struck(&self) -> usize {
        self.state.struck.load(SeqCst)
    }

    /// Requests that should not have been made: for another path, or without their credentials.
    pub(crate) fn strays(&self) -> usize {
        self.state.strays.load(SeqCst)
    }

    /// Bytes of floods that went out.
    pub(crate) fn flooded(&self) -> usize {
        self.state.flooded.load(SeqCst)
    }

    /// `client`, which finds nobody at the port while the fault is a refused connection.
    pub(crate) fn door<S>(&self, client: S) -> Door<S> {
        Door::new(client, self.state.clone())
    }
}

impl State {
    fn strikes(&self) -> bool {
        let take = |left| match left {
            0 => None,
            usize::MAX => Some(left),
            _ => Some(left - 1),
        };
        let strikes = self.left.fetch_update(SeqCst, SeqCst, take).is_ok();
        self.struck.fetch_add(usize::from(strikes), SeqCst);
        strikes
    }

    /// The port to send a request to that is refused.
    pub(crate) fn refuses(&self) -> Option<SocketAddr> {
        let refuses = matches!(self.fault, Some(Fault::Refused)) && self.strikes();
        refuses.then(|| {
            self.count();
            self.closed.local_addr().unwrap()
        })
    }

    fn count(&self) -> usize {
        let mut nth = 0;
        self.asked.send_modify(|asked| {
            *asked += 1;
            nth = *asked;
        });
        nth
    }

    async fn gathered(&self) {
        let goal = self.gathering.load(SeqCst);
        let mut asked = self.asked.subscribe();
        let all = asked.wait_for(|asked| *asked >= goal);
        // Late ones find an answer to those before them: it makes the cell no easier.
        let _ = timeout(Duration::from_millis(300), all).await;
    }

    fn good(&self, nth: usize) -> Answer {
        match self.place {
            Place::Token => Answer::token(nth),
            Place::Api => Answer::json("200 OK", USERS),
        }
    }

    pub(crate) fn flows(&self, bytes: usize) {
        self.flooded.fetch_add(bytes, SeqCst);
    }

    pub(crate) fn sees(&self, request: &str) {
        self.read.fetch_add(1, SeqCst);
        let stray = !self.knows(request);
        self.strays.fetch_add(usize::from(stray), SeqCst);
    }

    /// Whether this is the request that belongs here.
    fn knows(&self, request: &str) -> bool {
        let line = request.lines().next().unwrap_or_default();
        let has = |name: &str, beginning: &str| {
            let mut fields = request.lines().filter_map(|line| line.split_once(": "));
            fields.any(|(field, value)| {
                field.eq_ignore_ascii_case(name) && value.starts_with(beginning)
            })
        };
        match self.place {
            Place::Token => {
                line == "POST /oauth/token HTTP/1.1"
                    && has("authorization", &format!("Basic {CREDENTIALS}"))
                    && request.ends_with("\r\n\r\ngrant_type=client_credentials")
            }
            Place::Api => {
                line == format!("GET {USERS_PATH} HTTP/1.1")
                    && has("authorization", "Bearer token-")
            }
        }
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let nth = state.count();
        connections.spawn(serve(stream, state.clone(), nth));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, state: Arc<State>, nth: usize) {
    stream.set_nodelay(true).unwrap();
    // At a closed door it has struck already.
    let fault = state.fault.filter(|fault| !matches!(fault, Fault::Refused));
    let strikes = fault.is_some() && state.strikes();
    state.gathered().await;
    let acts = match fault {
        Some(Fault::Acts(acts)) if strikes => acts(state.good(nth)),
        _ => state.good(nth).sent(),
    };
    if let Some(Fault::Certificate(flaw)) = fault {
        let acceptor = Tls::get().acceptor(Some(flaw).filter(|_| strikes));
        // A client that does not like the certificate says so in the handshake.
        if let Ok(mut stream) = acceptor.accept(stream).await {
            play(&mut stream, acts, &state).await;
            let _ = stream.shutdown().await;
        }
        return;
    }
    let mut stream = stream;
    if play(&mut stream, acts, &state).await {
        stream.set_zero_linger().unwrap();
    }
}
