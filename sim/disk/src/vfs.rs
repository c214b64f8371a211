//! The C functions that SQLite calls: the only unsafe code of the workspace.
//!
//! Each turns C pointers into a [`Handle`] or a [`Volume`] and a result into an error code. A panic in one of them aborts
//! the process, as Rust defines it for `extern "C"`.
//!
//! No crate is used for it. `sqlite-plugin` 0.11 has the shared memory of a WAL, but passes neither the request to sync the
//! folder (`xDelete`) nor time, sleep and random numbers, which it takes from the machine; it cannot be unregistered.

#![expect(unsafe_code, reason = "SQLite passes C pointers")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::{Arc, Mutex};

use rusqlite::ffi;

use crate::handle::{Handle, Sharing, lock};
use crate::lock::Level;
use crate::volume::{Answer, Volume};

/// A registered set of file methods. It is found by its name until it is dropped.
///
/// Its memory (some hundred bytes and an empty volume) is kept for the rest of the process, because a connection may
/// refer to it for longer than this value lives.
pub(crate) struct Registered {
    vfs: NonNull<ffi::sqlite3_vfs>,
    name: &'static CStr,
}

impl Registered {
    pub(crate) fn new(volume: Arc<Mutex<Volume>>) -> Self {
        let volume: &'static Arc<Mutex<Volume>> = Box::leak(Box::new(volume));
        // The address is unique, because the memory is never freed. No result of a run depends on it.
        let name = CString::new(format!("disk-{:x}", ptr::from_ref(volume).addr())).expect("hexadecimal digits");
        let name: &'static CStr = Box::leak(name.into_boxed_c_str());
        let vfs = NonNull::from(Box::leak(Box::new(methods(volume, name))));
        // SAFETY: the structure and all that it points to live until the process ends, and only SQLite changes it.
        let code = unsafe { ffi::sqlite3_vfs_register(vfs.as_ptr(), 0) };
        assert_eq!(code, ffi::SQLITE_OK, "SQLite takes a new set of file methods");
        Self { vfs, name }
    }

    pub(crate) fn name(&self) -> &'static CStr {
        self.name
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: it was registered. Its memory stays valid for the connections that have found it.
        unsafe { ffi::sqlite3_vfs_unregister(self.vfs.as_ptr()) };
    }
}

/// An open file as SQLite knows it, in memory that SQLite allocates.
#[repr(C)]
struct OpenFile {
    base: ffi::sqlite3_file,
    handle: *mut Handle,
}

/// The longest name of a file.
const NAME_BYTES_MAX: c_int = 512;

/// 2026-01-01 00:00 UTC in milliseconds of the Julian calendar, SQLite's unit: the only time, which never passes. The
/// gateway's statements do not ask for it.
const TIME: i64 = 212_633_985_600_000;

/// What SQLite's Unix methods say of an ordinary file system.
const CHARACTERISTICS: c_int = ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE | ffi::SQLITE_IOCAP_SUBPAGE_READ;

const SECTOR_BYTES: c_int = 4096;

fn methods(volume: &'static Arc<Mutex<Volume>>, name: &'static CStr) -> ffi::sqlite3_vfs {
    ffi::sqlite3_vfs {
        iVersion: 2,
        szOsFile: size_of::<OpenFile>() as c_int,
        mxPathname: NAME_BYTES_MAX,
        pNext: ptr::null_mut(),
        zName: name.as_ptr(),
        pAppData: ptr::from_ref(volume).cast_mut().cast(),
        xOpen: Some(open),
        xDelete: Some(delete),
        xAccess: Some(access),
        xFullPathname: Some(full_name),
        xDlOpen: None,
        xDlError: None,
        xDlSym: None,
        xDlClose: None,
        xRandomness: Some(randomness),
        xSleep: Some(sleep),
        xCurrentTime: None,
        xGetLastError: None,
        xCurrentTimeInt64: Some(current_time_milliseconds),
        xSetSystemCall: None,
        xGetSystemCall: None,
        xNextSystemCall: None,
    }
}

static FILE_METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(raise),
    xUnlock: Some(lower),
    xCheckReservedLock: Some(check_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(map_region),
    xShmLock: Some(lock_region),
    xShmBarrier: Some(barrier),
    xShmUnmap: Some(unmap),
    xFetch: None,
    xUnfetch: None,
};

/// # Safety
/// `vfs` is the one of a [`Registered`].
unsafe fn volume<'a>(vfs: *mut ffi::sqlite3_vfs) -> &'a Arc<Mutex<Volume>> {
    // SAFETY: `methods` put a reference there that is valid until the process ends.
    unsafe { &*(*vfs).pAppData.cast::<Arc<Mutex<Volume>>>() }
}

/// # Safety
/// `file` was opened by `open` and not closed, and no other call on it is in progress. SQLite guarantees both.
unsafe fn handle<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Handle {
    // SAFETY: `open` put a handle there, which lives until `close`.
    unsafe { &mut *(*file.cast::<OpenFile>()).handle }
}

/// # Safety
/// `text` is null or a C string that outlives the result.
unsafe fn text<'a>(text: *const c_char) -> Option<&'a str> {
    // SAFETY: the caller's.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap_or("not a name in UTF-8"))
}

fn code(answer: Answer<()>) -> c_int {
    answer.err().unwrap_or(ffi::SQLITE_OK)
}

/// A size, count or offset, which SQLite never makes negative.
fn count(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or_default()
}

unsafe extern "C" fn open(
    vfs: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    opened: *mut c_int,
) -> c_int {
    // SAFETY: SQLite passes its registered methods, null or a name, and `szOsFile` bytes to be filled.
    let (volume, name, file) = unsafe { (volume(vfs), text(name), &mut *file.cast::<OpenFile>()) };
    file.base.pMethods = ptr::null();
    match Handle::open(volume, name, flags) {
        Ok(handle) => {
            file.handle = Box::into_raw(Box::new(handle));
            file.base.pMethods = &raw const FILE_METHODS;
            if !opened.is_null() {
                // SAFETY: it is not null, so it is a place for the flags.
                unsafe { *opened = flags };
            }
            ffi::SQLITE_OK
        }
        Err(code) => code,
    }
}

unsafe extern "C" fn delete(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    // SAFETY: SQLite passes its registered methods and a name.
    let (volume, name) = unsafe { (volume(vfs), text(name).unwrap_or_default()) };
    let mut disk = lock(volume);
    let life = disk.life();
    if disk.folder.find(name).is_none() && disk.has_power() {
        return ffi::SQLITE_IOERR_DELETE_NOENT;
    }
    let mut removed = disk.effect(life, ffi::SQLITE_IOERR_DELETE, |disk| {
        disk.remove(name);
        Ok(())
    });
    if removed.is_ok() && sync_folder != 0 {
        removed = disk.effect(life, ffi::SQLITE_IOERR_DIR_FSYNC, |disk| {
            disk.sync_folder();
            Ok(())
        });
    }
    code(removed)
}

unsafe extern "C" fn access(vfs: *mut ffi::sqlite3_vfs, name: *const c_char, flags: c_int, found: *mut c_int) -> c_int {
    // SAFETY: SQLite passes its registered methods, a name, and a place for the answer.
    let (volume, name, found) = unsafe { (volume(vfs), text(name).unwrap_or_default(), &mut *found) };
    let mut disk = lock(volume);
    if !disk.has_power() {
        return ffi::SQLITE_IOERR_ACCESS;
    }
    let inode = disk.folder.find(name);
    // To SQLite on Unix an empty file does not exist, because an empty journal is none.
    let exists = inode.is_some_and(|inode| flags != ffi::SQLITE_ACCESS_EXISTS || disk.file(inode).content.size() > 0);
    *found = c_int::from(exists);
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_name(_: *mut ffi::sqlite3_vfs, name: *const c_char, size: c_int, into: *mut c_char) -> c_int {
    // SAFETY: SQLite passes a name that ends with a zero.
    let name = unsafe { CStr::from_ptr(name) }.to_bytes_with_nul();
    if name.len() > count(size) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: SQLite passes `size` bytes to be filled, which are not those of the name.
    unsafe { ptr::copy_nonoverlapping(name.as_ptr(), into.cast(), name.len()) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn randomness(_: *mut ffi::sqlite3_vfs, size: c_int, into: *mut c_char) -> c_int {
    // SAFETY: SQLite passes `size` bytes to be filled.
    unsafe { ptr::write_bytes(into, 7, count(size)) };
    size
}

/// No time passes. A busy timeout of SQLite counts its own waits and ends.
unsafe extern "C" fn sleep(_: *mut ffi::sqlite3_vfs, microseconds: c_int) -> c_int {
    microseconds
}

unsafe extern "C" fn current_time_milliseconds(_: *mut ffi::sqlite3_vfs, now: *mut i64) -> c_int {
    // SAFETY: SQLite passes a place for the answer.
    unsafe { *now = TIME };
    ffi::SQLITE_OK
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: `open` made the handle from a box, and SQLite uses the file no more.
    drop(unsafe { Box::from_raw((*file.cast::<OpenFile>()).handle) });
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, into: *mut c_void, size: c_int, offset: i64) -> c_int {
    let (into, size) = (into.cast::<u8>(), count(size));
    // SAFETY: SQLite passes an open file, and `size` bytes to be filled, which hold zeros before they are a slice.
    let (handle, into) = unsafe {
        ptr::write_bytes(into, 0, size);
        (handle(file), slice::from_raw_parts_mut(into, size))
    };
    code(handle.read(into, count(offset)))
}

unsafe extern "C" fn write(file: *mut ffi::sqlite3_file, from: *const c_void, size: c_int, offset: i64) -> c_int {
    // SAFETY: SQLite passes an open file, and `size` bytes to write.
    let (handle, from) = unsafe { (handle(file), slice::from_raw_parts(from.cast::<u8>(), count(size))) };
    code(handle.write(from, count(offset)))
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    // SAFETY: SQLite passes an open file.
    code(unsafe { handle(file) }.truncate(count(size)))
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    code(unsafe { handle(file) }.sync())
}

unsafe extern "C" fn file_size(file: *mut ffi::sqlite3_file, size: *mut i64) -> c_int {
    // SAFETY: SQLite passes an open file, and a place for the answer.
    let (handle, size) = unsafe { (handle(file), &mut *size) };
    code(handle.size().map(|found| *size = i64::try_from(found).unwrap_or(i64::MAX)))
}

unsafe extern "C" fn raise(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    code(unsafe { handle(file) }.lock(level_of(level)))
}

unsafe extern "C" fn lower(file: *mut ffi::sqlite3_file, level: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    unsafe { handle(file) }.unlock(level_of(level));
    ffi::SQLITE_OK
}

fn level_of(level: c_int) -> Level {
    match level {
        ffi::SQLITE_LOCK_NONE => Level::None,
        ffi::SQLITE_LOCK_SHARED => Level::Shared,
        ffi::SQLITE_LOCK_RESERVED => Level::Reserved,
        ffi::SQLITE_LOCK_PENDING => Level::Pending,
        _ => Level::Exclusive,
    }
}

unsafe extern "C" fn check_reserved(file: *mut ffi::sqlite3_file, found: *mut c_int) -> c_int {
    // SAFETY: SQLite passes an open file, and a place for the answer.
    let (handle, found) = unsafe { (handle(file), &mut *found) };
    code(handle.is_reserved().map(|reserved| *found = c_int::from(reserved)))
}

unsafe extern "C" fn control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    SECTOR_BYTES
}

unsafe extern "C" fn characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    CHARACTERISTICS
}

unsafe extern "C" fn map_region(
    file: *mut ffi::sqlite3_file,
    number: c_int,
    size: c_int,
    create: c_int,
    place: *mut *mut c_void,
) -> c_int {
    // SAFETY: SQLite passes an open file, and a place for the answer.
    let (handle, place) = unsafe { (handle(file), &mut *place) };
    // The handle keeps the region alive until `unmap`. Atomics may be changed through a shared pointer.
    code(handle.region(count(number), count(size), create != 0).map(|region| {
        *place = region.map_or(ptr::null_mut(), |region| region.as_ptr().cast_mut().cast());
    }))
}

unsafe extern "C" fn lock_region(file: *mut ffi::sqlite3_file, first: c_int, number: c_int, flags: c_int) -> c_int {
    let sharing = match (flags & ffi::SQLITE_SHM_UNLOCK != 0, flags & ffi::SQLITE_SHM_SHARED != 0) {
        (true, _) => Sharing::Release,
        (false, true) => Sharing::Share,
        (false, false) => Sharing::Take,
    };
    // SAFETY: SQLite passes an open file.
    code(unsafe { handle(file) }.lock_region(count(first)..count(first) + count(number), sharing))
}

unsafe extern "C" fn barrier(_: *mut ffi::sqlite3_file) {
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

unsafe extern "C" fn unmap(file: *mut ffi::sqlite3_file, delete: c_int) -> c_int {
    // SAFETY: SQLite passes an open file.
    unsafe { handle(file) }.unmap(delete != 0);
    ffi::SQLITE_OK
}
