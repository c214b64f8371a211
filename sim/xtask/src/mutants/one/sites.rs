//! Where the mutants of a source file can be guarded: the expression, arm or body at the place that `cargo mutants` names.

use std::collections::BTreeMap;
use std::ops::Range;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Arm, BinOp, Block, Expr, ExprBinary, ExprMatch, ExprStruct, ExprUnary, Pat, ReturnType, Signature, Type};

/// What a guard is put around. Ranges are bytes of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Site {
    /// An expression, as a whole.
    Expression(Range<usize>),
    /// An arm: its guard, or where its pattern ends, and the whole `match`.
    Arm { guard: Range<usize>, matched: Range<usize> },
    /// The first statement of a function.
    Body(usize),
    /// The mutant cannot compile.
    Unviable,
    /// The mutant can be built alone, but not be chosen while the program runs.
    Fixed,
}

/// The kinds of places that may begin at the same byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Operator,
    Guard,
    Arm,
    Field,
    Body,
}

/// Finds every site of a file, by its kind and by the byte at which `cargo mutants` says the mutant begins.
pub(super) fn find(source: &str) -> syn::Result<BTreeMap<(Kind, usize), Site>> {
    let file = syn::parse_file(source)?;
    let mut finder = Finder { sites: BTreeMap::new(), chain: None, matched: 0..0, is_const: false };
    finder.visit_file(&file);
    Ok(finder.sites)
}

struct Finder {
    sites: BTreeMap<(Kind, usize), Site>,
    /// The operators around this operand, up to the next parentheses: the text of a mutant may group them otherwise.
    chain: Option<Range<usize>>,
    /// The `match` around this arm.
    matched: Range<usize>,
    /// In what is computed when the program is compiled.
    is_const: bool,
}

impl Finder {
    fn add(&mut self, kind: Kind, at: usize, site: Site) {
        let site = if self.is_const && site != Site::Unviable { Site::Fixed } else { site };
        self.sites.insert((kind, at), site);
    }

    fn function(&mut self, signature: &Signature, block: &Block, visit: impl FnOnce(&mut Self)) {
        let was = std::mem::replace(&mut self.is_const, signature.constness.is_some());
        let opaque = matches!(&signature.output, ReturnType::Type(_, ty) if matches!(**ty, Type::ImplTrait(_)));
        if let Some(first) = block.stmts.first() {
            let at = start(first);
            self.add(Kind::Body, at, if opaque { Site::Fixed } else { Site::Body(at) });
        }
        visit(self);
        self.is_const = was;
    }

    fn constant(&mut self, visit: impl FnOnce(&mut Self)) {
        let was = std::mem::replace(&mut self.is_const, true);
        visit(self);
        self.is_const = was;
    }
}

impl<'ast> Visit<'ast> for Finder {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig, &item.block, |finder| visit::visit_item_fn(finder, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig, &item.block, |finder| visit::visit_impl_item_fn(finder, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.function(&item.sig, block, |finder| visit::visit_trait_item_fn(finder, item));
        }
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.constant(|finder| visit::visit_item_const(finder, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.constant(|finder| visit::visit_impl_item_const(finder, item));
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.constant(|finder| visit::visit_item_static(finder, item));
    }

    fn visit_expr(&mut self, expr: &'ast Expr) {
        let chain = match expr {
            Expr::Binary(_) => self.chain.take(),
            _ => None,
        };
        let around = std::mem::replace(&mut self.chain, chain);
        visit::visit_expr(self, expr);
        self.chain = around;
    }

    fn visit_expr_binary(&mut self, binary: &'ast ExprBinary) {
        let at = start(&binary.op);
        if has_let(&binary.left) || has_let(&binary.right) {
            // `||` takes no `let`, and no other operator does.
            self.add(Kind::Operator, at, Site::Unviable);
            visit::visit_expr_binary(self, binary);
            return;
        }
        let chain = self.chain.take().unwrap_or_else(|| range(binary));
        self.add(Kind::Operator, at, Site::Expression(chain.clone()));
        for operand in [&binary.left, &binary.right] {
            self.chain = (!is_assignment(&binary.op)).then(|| chain.clone());
            self.visit_expr(operand);
        }
        self.chain = None;
    }

    fn visit_expr_unary(&mut self, unary: &'ast ExprUnary) {
        self.add(Kind::Operator, start(&unary.op), Site::Expression(range(unary)));
        visit::visit_expr_unary(self, unary);
    }

    fn visit_expr_struct(&mut self, expr: &'ast ExprStruct) {
        for field in &expr.fields {
            self.add(Kind::Field, start(field), Site::Expression(range(expr)));
        }
        visit::visit_expr_struct(self, expr);
    }

    fn visit_expr_match(&mut self, expr: &'ast ExprMatch) {
        let around = std::mem::replace(&mut self.matched, range(expr));
        visit::visit_expr_match(self, expr);
        self.matched = around;
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        let matched = self.matched.clone();
        match &arm.pat {
            Pat::Guard(pat) if has_let(&pat.guard) => {
                self.add(Kind::Guard, start(&pat.guard), Site::Fixed);
                self.add(Kind::Arm, start(arm), Site::Fixed);
            }
            Pat::Guard(pat) => {
                let guard = range(&pat.guard);
                self.add(Kind::Guard, guard.start, Site::Expression(guard.clone()));
                self.add(Kind::Arm, start(arm), Site::Arm { guard, matched });
            }
            pat => {
                let end = range(pat).end;
                self.add(Kind::Arm, start(arm), Site::Arm { guard: end..end, matched });
            }
        }
        visit::visit_arm(self, arm);
    }
}

/// Whether a `let` of a condition is among the operands.
fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

fn is_assignment(op: &BinOp) -> bool {
    use BinOp::{AddAssign, BitAndAssign, BitOrAssign, BitXorAssign, DivAssign, MulAssign, RemAssign, SubAssign};
    matches!(
        op,
        AddAssign(_)
            | SubAssign(_)
            | MulAssign(_)
            | DivAssign(_)
            | RemAssign(_)
            | BitXorAssign(_)
            | BitAndAssign(_)
            | BitOrAssign(_)
    )
}

fn range(node: &impl Spanned) -> Range<usize> {
    let span = node.span();
    span.byte_range()
}

fn start(node: &impl Spanned) -> usize {
    range(node).start
}
